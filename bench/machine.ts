import { cpus, release, totalmem } from "node:os";

/** Where figures come from: they compare only with those of the same machine. */
export const machine = () => ({
  cpus: cpus().length,
  model: cpus()[0]?.model ?? "unknown",
  memoryGiB: Math.round(totalmem() / 1_024 ** 3),
  kernel: release(),
  node: process.versions.node,
});
