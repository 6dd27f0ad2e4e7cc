import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePort } from "@pcmc/devcluster";
import { eventually } from "./eventually.ts";

const PCMC = fileURLToPath(new URL("../../../../../bin/pcmc", import.meta.url));

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface ProcessWish {
  readonly env: Readonly<Record<string, string>>;
  /** After `pcmc`. */
  readonly args: readonly string[];
}

/** `pcmc manager`, or another command that runs until it is stopped, as a process of its own, as users run it. Kills what is left when disposed of. */
export class ManagerProcess implements AsyncDisposable {
  /** Standard error, line by line. */
  readonly lines: string[] = [];
  readonly exit: Promise<Exit>;
  readonly #child;
  readonly #port: number;

  private constructor(port: number, { env, args }: ProcessWish) {
    this.#port = port;
    // Nothing of the environment of whoever runs the tests may decide what they see.
    const inherited = { PATH: process.env.PATH ?? "", HOME: "/nonexistent" };
    this.#child = spawn(PCMC, [...args], {
      env: { ...inherited, METRICS_ADDR: `127.0.0.1:${port}`, LOG_LEVEL: "warning", ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const reader = createInterface({ input: this.#child.stderr }).on("line", (line) => this.lines.push(line));
    this.exit = Promise.all([once(this.#child, "exit"), once(reader, "close")]).then(([[code, signal]]) => ({
      code,
      signal,
    }));
  }

  /** Starts it; what `env` and `args` do not say has its default. Most tests are about PodConfigMapConfigs alone. */
  static async start(env: ProcessWish["env"], args = ["--controllers=podconfigmap"]): Promise<ManagerProcess> {
    return new ManagerProcess(await freePort(), { env, args: ["manager", ...args] });
  }

  /** Starts `pcmc agent`. */
  static async startAgent(env: ProcessWish["env"], args: readonly string[] = []): Promise<ManagerProcess> {
    return new ManagerProcess(await freePort(), { env, args: ["agent", ...args] });
  }

  /** `undefined` where it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Stops it the graceful way. */
  stop(): Promise<Exit> {
    this.kill("SIGTERM");
    return this.exit;
  }

  /** Waits for a line that holds `text`. */
  says(text: string | RegExp): Promise<string> {
    const matches = (line: string) => (typeof text === "string" ? line.includes(text) : text.test(line));
    return eventually(`the manager says ${text}`, () => {
      const line = this.lines.find(matches);
      if (line === undefined) throw new Error(`it says:\n${this.lines.join("\n")}`);
      return line;
    });
  }

  /** Where it answers. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What `/metrics` says now. */
  async scrape(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#port}/metrics`)).text();
  }

  /** The answer of `/readyz` now; `undefined` while it does not listen. */
  async readiness(): Promise<{ readonly status: number; readonly text: string } | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#port}/readyz`);
      return { status: response.status, text: await response.text() };
    } catch {
      return undefined;
    }
  }

  /** Waits until `/readyz` says yes. */
  ready(): Promise<true> {
    return eventually("the manager is ready", async () => {
      const readiness = await this.readiness();
      if (readiness?.status === 200) return true as const;
      throw new Error(`/readyz: ${JSON.stringify(readiness)}; it says:\n${this.lines.join("\n")}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.exit;
  }
}
