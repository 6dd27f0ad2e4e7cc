import { ApiStatusError, type Cluster } from "@pcmc/devcluster";
import { PROBE } from "./images.ts";

const API = "/apis/podconfig.example.com/v1alpha1/namespaces";

/** What came of the writes so far. */
export interface Probed {
  /** Invalid ones that were refused, valid ones that were taken, and Pods that were injected. */
  readonly right: number;
  /** What went wrong, a line each. */
  readonly wrong: readonly string[];
}

const config = (name: string, template: string) => ({
  apiVersion: "podconfig.example.com/v1alpha1",
  kind: "PodConfigMapConfig",
  metadata: { name },
  spec: { podSelector: { matchLabels: { app: "nobody" } }, configMapDataTemplate: { greeting: template } },
});

/** A template that only the webhook can find fault with. */
const INVALID = config("invalid", "{{ .metadata.name");
const VALID = config("valid", "{{ .metadata.name }}");
const LIVE = config("prober", "Hello, {{ .metadata.name }}.");

const INJECT = "watch.example.com/inject";
const INJECTED = "watch.example.com/injected";

interface Annotated {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
}

/** Where, and which Watcher there is Ready. */
interface ProbedWorld {
  readonly namespace: string;
  readonly watcher: string;
}

/**
 * Writes without pause until `stop`: PodConfigMapConfigs, invalid ones, which must be refused, valid ones, and changes of one; and
 * Pods that ask for a Watcher, which must get it.
 */
export class AdmissionProber {
  readonly #cluster: Cluster;
  readonly #path: string;
  readonly #namespace: string;
  readonly #watcher: string;
  readonly #wrong: string[] = [];
  readonly #running: Promise<void>;
  #right = 0;
  #stopped = false;

  constructor(cluster: Cluster, { namespace, watcher }: ProbedWorld) {
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.#watcher = watcher;
    this.#path = `${API}/${namespace}/podconfigmapconfigs`;
    this.#running = this.#run();
  }

  /** Ends the writes. */
  async stop(): Promise<Probed> {
    this.#stopped = true;
    await this.#running;
    return { right: this.#right, wrong: this.#wrong };
  }

  async #run(): Promise<void> {
    await this.#expect("taken", "the first write", () => this.#cluster.request("POST", this.#path, LIVE));
    for (let turn = 0; !this.#stopped; turn++) {
      const dryRun = `${this.#path}?dryRun=All`;
      await this.#expect("refused", "an invalid template", () => this.#cluster.request("POST", dryRun, INVALID));
      await this.#expect("taken", "a valid template", () => this.#cluster.request("POST", dryRun, VALID));
      const patch = [{ op: "replace", path: "/spec/configMapDataTemplate/greeting", value: `Turn ${turn}.` }];
      const contentType = "application/json-patch+json";
      await this.#expect("taken", "a change", () =>
        this.#cluster.request("PATCH", `${this.#path}/prober`, patch, { contentType }),
      );
      await this.#expectInjected();
    }
    await this.#cluster.request("DELETE", `${this.#path}/prober`);
  }

  /** A webhook that is not reached shows in nothing else: the Pod is made all the same, without its sidecar. */
  async #expectInjected(): Promise<void> {
    const path = `/api/v1/namespaces/${this.#namespace}/pods?dryRun=All`;
    const metadata = { name: "probed", annotations: { [INJECT]: this.#watcher } };
    const pod = { metadata, spec: { containers: [{ name: "main", image: PROBE }] } };
    try {
      const { metadata: made } = await this.#cluster.request<Annotated>("POST", path, pod);
      const injected = made.annotations?.[INJECTED];
      if (injected === this.#watcher) this.#right++;
      else this.#wrong.push(`a Pod that asks for ${this.#watcher} got ${injected ?? "none"}`);
    } catch (error) {
      this.#wrong.push(`a Pod that asks for ${this.#watcher} was ${String(error)}`);
    }
  }

  async #expect(wanted: "taken" | "refused", what: string, write: () => Promise<unknown>): Promise<void> {
    const answer = await write().then(
      () => "taken",
      (error: unknown) => (isRefusal(error) ? "refused" : String(error)),
    );
    if (answer === wanted) this.#right++;
    else this.#wrong.push(`${what} was ${answer}`);
  }
}

/** By a webhook of ours, and not for want of it. */
const isRefusal = (error: unknown): boolean =>
  error instanceof ApiStatusError && error.code >= 400 && error.code < 500 && /denied the request/.test(error.message);
