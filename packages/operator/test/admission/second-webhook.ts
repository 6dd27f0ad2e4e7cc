import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AdmissionServer,
  allow,
  CertificateFiles,
  type PatchOperation,
  silentLogger,
  systemClock,
} from "@pcmc/controller-runtime";
import type { Cluster } from "@pcmc/devcluster";
import type { Container, Pod } from "kubernetes-types/core/v1.d.ts";
import { eventually } from "../integration/support/eventually.ts";
import { MUTATING_ALL, podNamed, podsIn } from "./injection-support.ts";

const NAME = "zzz-second";

/** Adds an environment variable to each container that lacks it, as other people's webhooks do. */
const patchOf = ({ spec }: Pod): readonly PatchOperation[] =>
  (["initContainers", "containers"] as const).flatMap((list) =>
    (spec?.[list] ?? []).flatMap(({ env }: Container, at): PatchOperation[] => {
      const path = `/spec/${list}/${at}/env`;
      const value = { name: "SECOND", value: "yes" };
      if (env === undefined) return [{ op: "add", path, value: [value] }];
      return env.some(({ name }) => name === "SECOND") ? [] : [{ op: "add", path: `${path}/-`, value }];
    }),
  );

/** A mutating webhook that comes after ours, by the order of names, and changes each Pod: so ours is invoked again. */
export class SecondWebhook implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #directory: string;
  readonly #stop = new AbortController();
  #running: readonly Promise<void>[] = [];
  /** Pods that it has been asked about. */
  seen = 0;

  private constructor(cluster: Cluster, directory: string) {
    this.#cluster = cluster;
    this.#directory = directory;
  }

  /** Serves and registers it for one namespace; resolves when the API server asks it. */
  static async start(cluster: Cluster, namespace: string): Promise<SecondWebhook> {
    const directory = await mkdtemp(join(tmpdir(), "pcmc-second-"));
    const webhook = new SecondWebhook(cluster, directory);
    // The API server's own, which is for 127.0.0.1 too.
    await copyFile(join(cluster.stateDir, "pki/apiserver.crt"), join(directory, "tls.crt"));
    await copyFile(join(cluster.stateDir, "pki/apiserver.key"), join(directory, "tls.key"));
    await webhook.#register(await webhook.#serve(), namespace);
    await eventually("the API server asks the second webhook", async () => {
      await cluster.request("POST", `${podsIn(namespace)}?dryRun=All`, podNamed("probe"));
      return webhook.seen > 0;
    });
    return webhook;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.request("DELETE", `${MUTATING_ALL}/${NAME}`);
    this.#stop.abort();
    await Promise.all(this.#running);
    await rm(this.#directory, { recursive: true });
  }

  #serve(): Promise<number> {
    const certificates = new CertificateFiles({ directory: this.#directory, clock: systemClock, log: silentLogger });
    const { promise, resolve } = Promise.withResolvers<number>();
    const server = new AdmissionServer({
      address: { host: "127.0.0.1", port: 0 },
      routes: {
        "/second": {
          handler: ({ object }) => {
            this.seen += 1;
            // The API server sends the Pod that it was registered for.
            return allow({ patch: patchOf(object as Pod) });
          },
        },
      },
      certificates,
      lameDuck: 0,
      onListening: resolve,
    });
    const { signal } = this.#stop;
    this.#running = [certificates.run({ stop: signal }), server.run({ stop: signal, kill: signal })];
    return promise;
  }

  async #register(port: number, namespace: string): Promise<void> {
    await this.#cluster.request("POST", MUTATING_ALL, {
      metadata: { name: NAME },
      webhooks: [
        {
          name: "second.example.com",
          clientConfig: {
            url: `https://127.0.0.1:${port}/second`,
            caBundle: Buffer.from(this.#cluster.caPem).toString("base64"),
          },
          rules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"] }],
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
          reinvocationPolicy: "IfNeeded",
          sideEffects: "None",
          admissionReviewVersions: ["v1"],
        },
      ],
    });
  }
}
