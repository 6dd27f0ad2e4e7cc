import { execFileSync } from "node:child_process";
import { findProgram } from "@pcmc/devcluster";
import type { EbpfWorld } from "./ebpf-world.ts";

const bpftool = (...words: readonly string[]): unknown =>
  JSON.parse(execFileSync(findProgram("bpftool") ?? "bpftool", ["--json", ...words], { encoding: "utf8" }));

/** What of ours a node's kernel holds: pins, and programs on cgroups of its Pods. Empty where nothing is. */
export const kernelState = (world: EbpfWorld): readonly string[] => [
  ...world.pins(),
  ...(bpftool("cgroup", "tree", world.cluster.node.cgroupFolder ?? "") as readonly object[]).map((one) =>
    JSON.stringify(one),
  ),
];
