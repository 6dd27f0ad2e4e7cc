import { type Registry, readGauge } from "@pcmc/controller-runtime";
import { PREFIX } from "./gauges.ts";

export interface BuildInfo {
  /** Of the operator. */
  readonly version: string;
  /** What the process is: `manager`, `agent`, or `all` for both in one. */
  readonly role: "manager" | "agent" | "all";
}

/**
 * Registers a constant that tells our processes from others: `nodejs_*`, `workqueue_*` and `rest_client_*` are many programs'
 * names, and a query keeps ours by `and on (job, instance) podconfigmap_controller_build_info`.
 *
 * @throws Error when the registry has such a metric already.
 */
export const registerBuildInfo = (registry: Registry, { version, role }: BuildInfo): void => {
  const samples = [{ labels: { version, role }, value: 1 }];
  readGauge({
    registry,
    name: `${PREFIX}build_info`,
    help: "1; what runs here (role: manager, agent or all), and of which version.",
    read: () => samples,
  });
};
