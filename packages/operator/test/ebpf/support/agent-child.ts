import fs, { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { silentLogger, systemClock } from "@pcmc/controller-runtime";
import { BpfLink, BpfMap, BpfProgram } from "@pcmc/libbpf";
import { Enforcer } from "../../../src/ebpf/enforcer.ts";
import type { NodePod } from "../../../src/ebpf/node-pod.ts";
import { readProgram } from "../../../src/ebpf/programs.ts";
import { blocking, policyOf } from "./policies.ts";

/*
 * An agent that is killed at a moment that its order names: before its n-th change in the kernel. What it is to do comes as JSON
 * in the file that it is given.
 */

/** A step: what one Pod's policy becomes. */
export interface Step {
  readonly pod: NodePod;
  /** Ports that are blocked; `undefined` = no firewall. */
  readonly blocked: readonly number[] | undefined;
  /** Calls that are counted; none = no counting. */
  readonly calls: readonly string[];
}

export interface Order {
  readonly pinDir: string;
  readonly cgroupRoot: string;
  readonly steps: readonly Step[];
  /** The version that it takes its firewall for: another than before is swapped. */
  readonly firewallVersion: number;
  /** The same of its system calls; default: the true one. */
  readonly syscallsVersion?: number;
  /** The change before which it is killed; more than there are = it ends by itself. */
  readonly killBefore: number;
}

const order: Order = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"));
let changes = 0;

/** Wraps a method so that its calls count as changes. */
const counted = (owner: object, method: string): void => {
  const original = Reflect.get(owner, method);
  Reflect.set(owner, method, function (this: unknown, ...words: readonly unknown[]) {
    if (++changes >= order.killBefore) process.kill(process.pid, "SIGKILL");
    return Reflect.apply(original, this, words);
  });
};

for (const method of ["update", "setInner", "delete", "pin"]) counted(BpfMap.prototype, method);
for (const method of ["update", "pin"]) counted(BpfLink.prototype, method);
for (const method of ["attachCgroup", "attachRawTracepoint", "pin"]) counted(BpfProgram.prototype, method);
for (const method of ["mkdirSync", "rmdirSync", "unlinkSync", "symlinkSync", "renameSync"]) counted(fs, method);
syncBuiltinESMExports();

{
  await using enforcer = await Enforcer.open({
    pinDir: order.pinDir,
    cgroupRoot: order.cgroupRoot,
    clock: systemClock,
    log: silentLogger,
    readProgram: (name, architecture) => {
      const object = readProgram(name, architecture);
      return {
        ...object,
        version: name === "firewall" ? order.firewallVersion : (order.syscallsVersion ?? object.version),
      };
    },
  });
  enforcer.adopt();
  process.stdout.write("adopted\n");
  for (const { pod, blocked, calls } of order.steps) {
    await enforcer.apply(
      pod,
      policyOf({
        ...(blocked !== undefined && { firewall: blocking(...blocked) }),
        ...(calls.length > 0 && { syscalls: { calls } }),
      }),
    );
  }
}
process.stdout.write(`${changes}\n`);
