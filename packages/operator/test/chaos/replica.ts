import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FaultProxy, startFaultProxy, type UserCredentials } from "@pcmc/devcluster";
import { stringify } from "yaml";
import { type Exit, ManagerProcess } from "../integration/support/manager-process.ts";

/** What a replica is started with. */
export interface ReplicaOptions {
  readonly name: string;
  /** The API server, and the user that only the proxy has the key of. */
  readonly target: { readonly server: string; readonly caPem: string } & Pick<UserCredentials, "certPem" | "keyPem">;
  readonly env: Readonly<Record<string, string>>;
}

/** One life of a manager. */
interface Life {
  readonly process: ManagerProcess;
  /** What we did to end it. */
  asked: "nothing" | "stop" | "kill";
  /** Requests that it had sent when it was asked. */
  requests: number;
  exit: Exit | undefined;
}

/**
 * One manager, behind a proxy of its own. It may be killed and started any number of times. All that it sends goes through
 * the proxy, since it has no credentials: what the proxy has not seen was not written.
 */
export class Replica implements AsyncDisposable {
  readonly proxy: FaultProxy;
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #lives: Life[] = [];
  /** Requests of earlier lives. */
  #before = 0;

  private constructor(parts: { proxy: FaultProxy; folder: string; env: Readonly<Record<string, string>> }) {
    this.proxy = parts.proxy;
    this.#folder = parts.folder;
    this.#env = parts.env;
  }

  /** Prepares a replica; it does not run yet. */
  static async open({ name, target, env }: ReplicaOptions): Promise<Replica> {
    const proxy = await startFaultProxy({ target, record: { path: /\/(pods|configmaps|podconfigmapconfigs)\?/ } });
    const folder = await mkdtemp(join(tmpdir(), "pcmc-chaos-"));
    const kubeconfig = join(folder, "kubeconfig");
    await writeFile(kubeconfig, stringify(kubeconfigOf(proxy)));
    return new Replica({ proxy, folder, env: { ...env, KUBECONFIG: kubeconfig, POD_NAME: name } });
  }

  /** The process, while it runs. */
  get process(): ManagerProcess | undefined {
    const life = this.#lives.at(-1);
    return life?.exit === undefined && life?.asked === "nothing" ? life.process : undefined;
  }

  /** Whatever the processes said, all of them. */
  get lines(): readonly string[] {
    return this.#lives.flatMap(({ process }) => process.lines);
  }

  /** All requests that reached the proxy, a line each, with the time as logs have it. */
  get requestLines(): readonly string[] {
    return this.proxy.requests.map(({ time, method, path, action, status }) => {
      const what = [method, path.replace(/\?.*/, ""), "->", status ?? "no answer", ...(action ? [`(${action})`] : [])];
      return [new Date(time).toISOString(), ...what].join(" ");
    });
  }

  /** Starts it, unless it runs. One that is being stopped ends first. */
  async start(): Promise<void> {
    if (this.process !== undefined) return;
    await this.#lives.at(-1)?.process.exit;
    const process = await ManagerProcess.start(this.#env);
    const life: Life = { process, asked: "nothing", requests: 0, exit: undefined };
    this.#before = this.proxy.requests.length;
    this.#lives.push(life);
    void life.process.exit.then((exit) => {
      life.exit = exit;
    });
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    const life = this.#lives.at(-1);
    if (life === undefined || life.exit !== undefined) return;
    life.asked = "kill";
    life.process.kill("SIGKILL");
    await life.process.exit;
  }

  /** Asks it to stop; does not wait. */
  stop(): void {
    const life = this.#lives.at(-1);
    if (life === undefined || this.process === undefined) return;
    life.asked = "stop";
    life.requests = this.proxy.requests.length - this.#before;
    this.resume();
    life.process.kill("SIGTERM");
  }

  pause(): void {
    this.process?.kill("SIGSTOP");
  }

  resume(): void {
    this.#lives.at(-1)?.process.kill("SIGCONT");
  }

  /** Waits until whoever was asked to stop has done so. */
  async stopped(): Promise<void> {
    await Promise.all(this.#lives.filter(({ asked }) => asked === "stop").map(({ process }) => process.exit));
  }

  /** All ends that were not as they should be: by itself, or after SIGTERM with anything but exit code 0. */
  badEnds(): readonly string[] {
    return this.#lives.flatMap(({ asked, exit, requests }) => {
      if (exit === undefined || asked === "kill" || (asked === "stop" && exit.code === 0)) return [];
      // It was starting: there was nothing to finish yet, and the signal did what it does to any process.
      if (asked === "stop" && requests === 0 && exit.signal === "SIGTERM") return [];
      return [`a manager that was asked ${asked === "stop" ? "to stop" : asked} ended with ${JSON.stringify(exit)}`];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.proxy.stop();
    await rm(this.#folder, { recursive: true });
  }
}

const kubeconfigOf = ({ server, caPem }: FaultProxy) => ({
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "c", cluster: { server, "certificate-authority-data": Buffer.from(caPem).toString("base64") } }],
  users: [{ name: "u", user: {} }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
  "current-context": "x",
});
