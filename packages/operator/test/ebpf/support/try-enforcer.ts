import { readFileSync } from "node:fs";
import { silentLogger, systemClock } from "@pcmc/controller-runtime";
import { Enforcer } from "../../../src/ebpf/enforcer.ts";
import type { NodePod } from "../../../src/ebpf/node-pod.ts";
import { EbpfUnavailable } from "../../../src/ebpf/unavailable.ts";
import { blocking, policyOf } from "./policies.ts";

// An agent in whatever world it is started: tells as JSON how far it comes with the Pod that it is given.
const order: { pinDir: string; cgroupRoot: string; pod: NodePod } = JSON.parse(readFileSync(0, "utf8"));

const work = async (): Promise<unknown> => {
  await using enforcer = await Enforcer.open({ ...order, clock: systemClock, log: silentLogger, runStats: true });
  enforcer.adopt();
  const policy = policyOf({ firewall: blocking(7000), syscalls: { calls: ["getpgid"] } });
  const outcome = await enforcer.apply(order.pod, policy);
  const readings = enforcer.readings().length;
  const stats = enforcer.runStats().kind;
  enforcer.release(order.pod.uid);
  return { outcome, readings, stats };
};

const told = await work().catch((error: unknown) => {
  if (error instanceof EbpfUnavailable) return { unavailable: error.reason, message: error.message };
  throw error;
});
process.stdout.write(JSON.stringify(told));
