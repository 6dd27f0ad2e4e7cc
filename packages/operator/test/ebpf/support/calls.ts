import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { architectureOf } from "../../../src/ebpf/architecture.ts";
import { syscallNumber } from "../../../src/ebpf/syscall-numbers.ts";

const SOURCE = fileURLToPath(new URL("calls.c", import.meta.url));
const run = promisify(execFile);

/** Makes a known number of system calls in a cgroup, by a program that is built for the test. */
export interface Caller extends Disposable {
  /** Makes each call of `calls` as often as it says, in a process that is in the cgroup from its first instruction. */
  call(cgroup: string, calls: Readonly<Record<string, number>>): Promise<void>;
}

export const caller = (): Caller => {
  const folder = mkdtempSync(`${tmpdir()}/pcmc-calls-`);
  const binary = `${folder}/calls`;
  execFileSync("gcc", ["-O2", "-static", "-o", binary, SOURCE]);
  return {
    async call(cgroup, calls) {
      const words = Object.entries(calls).flatMap(([name, count]) => [syscallNumber(name, architectureOf()), count]);
      await run("sh", ["-c", `echo $$ > ${cgroup}/cgroup.procs && exec ${binary} ${words.join(" ")}`]);
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
};
