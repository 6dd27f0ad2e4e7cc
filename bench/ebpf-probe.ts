import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { compileProbe } from "../e2e/support/images.ts";
import { Probe } from "../e2e/support/probe.ts";

const run = promisify(execFile);

/** Puts the process into a cgroup before it becomes the program. */
const IN_CGROUP = 'echo $$ >"$0/cgroup.procs" && exec "$@"';

/** Where a process of the probe is to run. */
export interface Place {
  /** Folder of a cgroup of version 2. */
  readonly cgroup: string;
  /** Pid of a process in the network namespace. Default: this machine's. */
  readonly network?: number;
}

/** The probe (e2e/images/probe), compiled for this run. */
export class ProbeBinary implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "pcmc-probe-"));
  readonly #file = join(this.#folder, "probe");
  #sockets = 0;

  constructor() {
    compileProbe(this.#file);
  }

  /** Runs one command of the probe in a process of its own. */
  async run(place: Place, ...command: readonly (string | number)[]): Promise<string[]> {
    const words = [...this.#enter(place), this.#file, "run", ...command.map(String)];
    const { stdout } = await run("sh", ["-c", IN_CGROUP, place.cgroup, ...words]);
    const [status, ...answer] = stdout.trim().split(" ");
    if (status !== "ok") throw new Error(stdout);
    return answer;
  }

  /** Starts a process that takes commands until it is disposed of. */
  async start(place: Place): Promise<Probe & AsyncDisposable> {
    const socket = join(this.#folder, `s${this.#sockets++}`);
    const words = [...this.#enter(place), this.#file, "control", socket];
    const child = spawn("sh", ["-c", IN_CGROUP, place.cgroup, ...words], { stdio: ["ignore", "ignore", "inherit"] });
    const ended = once(child, "exit");
    const probe = await Probe.open(socket);
    return Object.assign(probe, {
      [Symbol.asyncDispose]: async () => {
        probe[Symbol.dispose]();
        child.kill("SIGKILL");
        await ended;
      },
    });
  }

  #enter({ network }: Place): string[] {
    return network === undefined ? [] : ["nsenter", `--net=/proc/${network}/ns/net`];
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
