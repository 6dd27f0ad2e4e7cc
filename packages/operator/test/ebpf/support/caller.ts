import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { enter } from "./cgroups.ts";

const SOURCE = fileURLToPath(new URL("caller.c", import.meta.url));
const COMPILERS = ["cc", "gcc", "clang", "clang-14"];

/** A program that makes a known number of system calls, built for a test. */
export class Caller implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "pcmc-caller-"));
  /** Why it could not be built; `undefined` where it was. */
  readonly unable: string | undefined;

  constructor() {
    const built = COMPILERS.some((compiler) => spawnSync(compiler, ["-O1", "-o", this.#program, SOURCE]).status === 0);
    this.unable = built ? undefined : "needs a C compiler with its library";
  }

  /** Runs it in a cgroup: no call that it is told to make comes before it is there. */
  async run(cgroup: string, { calls, forks = 0, compat = 0 }: Calls): Promise<void> {
    const child = spawn(this.#program, [calls, forks, compat].map(String), { stdio: ["pipe", "inherit", "inherit"] });
    await once(child, "spawn");
    if (child.pid === undefined) throw new Error("no pid");
    enter(cgroup, child.pid);
    child.stdin.end("x");
    const [code, signal] = await once(child, "exit");
    if (code !== 0) throw new Error(`ended with ${code ?? signal}`);
  }

  get #program(): string {
    return join(this.#folder, "caller");
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

export interface Calls {
  /** Of getppid, in each process. */
  readonly calls: number;
  /** Processes beside the first. */
  readonly forks?: number;
  /** By each other way into the kernel: 32-bit and x32, on x86_64. */
  readonly compat?: number;
}
