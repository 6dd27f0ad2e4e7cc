import { spawn } from "node:child_process";
import { once } from "node:events";
import { BIN } from "../../cli/support.ts";
import { eventually } from "./eventually.ts";

/** A command line that runs in a shell, as a person starts it. Killed when it is disposed of. */
export class RunningLine implements AsyncDisposable {
  /** Its exit code. */
  readonly ended: Promise<number | null>;
  readonly #child;
  #said = "";

  constructor(line: string, { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> }) {
    this.#child = spawn("bash", ["-c", `exec env ${line}`], {
      cwd,
      env: { PATH: `${BIN}:${process.env.PATH}`, HOME: cwd, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on("data", (part) => {
        this.#said += part;
      });
    }
    this.ended = once(this.#child, "close").then(([code]) => code);
  }

  /** Waits until it has said `text`, on whichever output. */
  async says(text: string): Promise<void> {
    await eventually(`it says ${text}`, () => {
      if (this.#said.includes(text)) return true;
      throw new Error(`it says ${this.#said}`);
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.ended;
  }
}
