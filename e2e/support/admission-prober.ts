import { ApiStatusError, type Cluster } from "@pcmc/devcluster";

const API = "/apis/podconfig.example.com/v1alpha1/namespaces";

/** What came of the writes so far. */
export interface Probed {
  /** Invalid ones that were refused, and valid ones that were taken. */
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

/** Writes PodConfigMapConfigs without pause until `stop`: invalid ones, which must be refused, valid ones, and changes of one. */
export class AdmissionProber {
  readonly #cluster: Cluster;
  readonly #path: string;
  readonly #wrong: string[] = [];
  readonly #running: Promise<void>;
  #right = 0;
  #stopped = false;

  constructor(cluster: Cluster, namespace: string) {
    this.#cluster = cluster;
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
    }
    await this.#cluster.request("DELETE", `${this.#path}/prober`);
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
