import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type Cluster, freePort } from "@pcmc/devcluster";
import { ROOT } from "./pages.ts";

interface Deployment {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly args?: readonly string[];
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
}

const NAME = "podconfigmap-controller";
const LOOK = 250;
const STOP = 10_000;

/**
 * Runs the manager for as long as a cluster has its Deployment: on simulated nodes no container runs, so this machine runs what the
 * container would, with the Deployment's arguments and variables. The API server reaches its webhooks by URL.
 */
export class StandIn implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #ended: Promise<void>;
  #stop = false;
  #running: { readonly of: string; readonly process: ChildProcess } | undefined;
  #said = "";

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#ended = this.#run();
  }

  /** The end of the manager's log, for whoever looks for what went wrong. */
  get said(): string {
    return this.#said.split("\n").slice(-15).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop = true;
    await this.#ended;
    await this.#end();
  }

  async #run(): Promise<void> {
    while (!this.#stop) {
      await this.#look().catch((error: unknown) => {
        this.#said += `${error}\n`;
      });
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  }

  async #look(): Promise<void> {
    const { items } = await this.#cluster.request<{ items: readonly Deployment[] }>(
      "GET",
      `/apis/apps/v1/deployments?fieldSelector=metadata.name%3D${NAME}`,
    );
    const [deployment] = items;
    const wanted =
      deployment && JSON.stringify([deployment.metadata.namespace, deployment.spec.template.spec.containers]);
    if (this.#running?.of === wanted) return;
    await this.#end();
    if (deployment === undefined || wanted === undefined) return;
    this.#running = { of: wanted, process: await this.#start(deployment) };
  }

  async #start({ metadata: { namespace }, spec }: Deployment): Promise<ChildProcess> {
    const [container] = spec.template.spec.containers;
    const given = (container?.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]));
    const webhooks = `127.0.0.1:${await freePort()}`;
    const child = spawn(`${ROOT}bin/pcmc`, [...(container?.args ?? ["manager"])], {
      env: {
        PATH: process.env.PATH,
        ...Object.fromEntries(given),
        KUBECONFIG: this.#cluster.kubeconfig,
        POD_NAMESPACE: namespace,
        METRICS_ADDR: "127.0.0.1:0",
        WEBHOOK_ADDR: webhooks,
        WEBHOOK_URL: `https://${webhooks}`,
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
    });
    return child;
  }

  async #end(): Promise<void> {
    const child = this.#running?.process;
    this.#running = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP);
    child.kill("SIGTERM");
    await exit;
    clearTimeout(late);
  }
}
