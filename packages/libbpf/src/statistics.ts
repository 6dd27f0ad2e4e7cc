import { closeSync } from "node:fs";
import { check } from "./errors.ts";
import { Resource } from "./handles.ts";
import { native } from "./native.ts";

const BPF_STATS_RUN_TIME = 0;

/**
 * Has the kernel measure how long and how often programs run, until it is closed (Linux 5.8). Costs each run two
 * readings of the clock. Needs CAP_SYS_ADMIN: without that, `sysctl kernel.bpf_stats_enabled=1` on the node.
 */
export const enableRunStatistics = (): Disposable => {
  const fd = check(native().libbpf.bpf_enable_stats(BPF_STATS_RUN_TIME), "enable run statistics");
  return new Resource("run statistics", "", () => closeSync(fd));
};
