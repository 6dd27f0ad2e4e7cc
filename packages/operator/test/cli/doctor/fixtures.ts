import type { Stored } from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { EnvFromSource, Pod } from "kubernetes-types/core/v1.d.ts";
import { type Operator, operatorOf, type RunningOperator } from "../../../src/cli/doctor/operator.ts";
import type { Listed } from "../../../src/cli/doctor/reader.ts";
import { type Seen, seen } from "../../../src/cli/doctor/seen.ts";
import type { Verdict } from "../../../src/cli/doctor/verdict.ts";
import { version } from "../../../src/cli/version.ts";
import { NAME } from "../../../src/rbac/names.ts";

/** What was refused, as a fetch tells it. */
export const FORBIDDEN: Seen<never> = { kind: "forbidden", needs: "list things" };

/** A wall clock, milliseconds. */
export const NOW = Date.UTC(2026, 10, 21, 12);

/** An object as the API server has it. */
export const stored = <T extends object>(name: string, object: T, namespace = "default"): Stored<T> => ({
  ...object,
  metadata: {
    ...("metadata" in object ? (object.metadata as object) : {}),
    name,
    namespace,
    uid: `uid-${name}`,
    resourceVersion: "1",
  },
});

export const listed = <T>(...items: readonly T[]): Seen<Listed<T>> => seen({ items, complete: true });

export interface DeploymentWish {
  readonly namespace?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly image?: string;
  readonly replicas?: number;
  readonly ready?: number;
  /** Of the container. */
  readonly envFrom?: EnvFromSource[];
  /** Secrets that are mounted: names, by path. */
  readonly mounted?: Readonly<Record<string, string>>;
}

export const deployment = ({
  namespace = "default",
  args = [],
  env = {},
  image = `${NAME}:${version}`,
  replicas = 1,
  ready = replicas,
  envFrom = [],
  mounted = {},
}: DeploymentWish = {}): Stored<Deployment> =>
  stored(
    NAME,
    {
      spec: {
        replicas,
        selector: {},
        template: {
          spec: {
            serviceAccountName: NAME,
            volumes: Object.values(mounted).map((secretName) => ({ name: secretName, secret: { secretName } })),
            containers: [
              {
                name: "manager",
                image,
                args: ["manager", ...args],
                envFrom,
                volumeMounts: Object.entries(mounted).map(([mountPath, name]) => ({ name, mountPath })),
                env: [
                  ...Object.entries(env).map(([name, value]) => ({ name, value })),
                  { name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
                ],
              },
            ],
          },
        },
      },
      status: { readyReplicas: ready },
    },
    namespace,
  );

/** An operator of a Deployment. */
export const operator = (wish: DeploymentWish = {}): Operator => {
  const found = operatorOf("Deployment", deployment(wish));
  if (found === undefined) throw new Error("it runs no manager");
  return found;
};

export const running = (wish: DeploymentWish = {}, ...pods: readonly Stored<Pod>[]): RunningOperator => ({
  ...operator(wish),
  pods: listed(...pods),
});

/** A Pod that is ready. */
export const pod = (
  name: string,
  status: Pod["status"] = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
) => stored<Pod>(name, { status });

/** `failed: message`. */
export const told = (verdicts: readonly Verdict[]): readonly string[] =>
  verdicts.map(({ status, message }) => `${status}: ${message}`);
