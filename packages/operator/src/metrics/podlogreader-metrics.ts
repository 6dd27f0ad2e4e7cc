import { countedCounter, type Registry, readGauge, type Sample } from "@pcmc/controller-runtime";
import { PREFIX } from "./gauges.ts";
import type { GroupMetrics, Operation } from "./group-metrics.ts";
import type { OperatorMetrics } from "./operator-metrics.ts";

/** What podlogreader writes, by plural. */
export type AccessResource = "roles" | "rolebindings" | "serviceaccounts";

/** What podlogreader tells of itself. */
export interface PodLogReaderMetrics extends GroupMetrics {
  /** Counts a write, by how it went. */
  onWrite(operation: Operation, resource: AccessResource, error?: unknown): void;
  /** Connects the gauge: how many Roles of ours each namespace has. Read at each scrape. */
  showRoles(counts: () => Iterable<readonly [namespace: string, roles: number]>): void;
}

/** Registers what is told of podlogreader. @throws Error when the registry has such metrics already. */
export const podLogReaderMetrics = (registry: Registry, operator: OperatorMetrics): PodLogReaderMetrics => {
  let counts: () => Iterable<readonly [string, number]> = () => [];
  // Not by namespace: which one fails is in reconciliation_errors_total.
  const writes = countedCounter({
    registry,
    name: `${PREFIX}podlogreader_operations_total`,
    help: "Writes of Roles, RoleBindings and ServiceAccounts, by operation (create, update, delete) and result.",
    labels: ["operation", "resource", "result"],
  });
  readGauge({
    registry,
    name: `${PREFIX}podlogreader_roles`,
    help: "Roles that exist for Deployments whose logs are shared.",
    read: () => rolesOf(operator.leads ? counts() : []),
  });
  return {
    heldBy: operator.heldBy,
    onFailure: operator.onFailure,
    onWrite: (operation, resource, error) => {
      writes.at(operation, resource, error === undefined ? "success" : "error").value += 1;
    },
    showRoles: (given) => {
      counts = given;
    },
  };
};

function* rolesOf(counts: Iterable<readonly [string, number]>): Generator<Sample<number>> {
  for (const [namespace, value] of counts) yield { labels: { namespace }, value };
}
