import type { Cluster } from "@pcmc/devcluster";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { Agent, request } from "undici";
import { CONFIG_MAPS } from "./workload.ts";

interface WatchEvent {
  readonly type: string;
  readonly object: ConfigMap;
}

/** A watch of the benchmark's own on all ConfigMaps, over a connection of its own. */
export class ConfigMapWatch implements AsyncDisposable {
  readonly #agent: Agent;
  readonly #ended: Promise<unknown>;

  private constructor(agent: Agent, ended: Promise<unknown>) {
    this.#agent = agent;
    // Known when it is disposed of.
    this.#ended = ended.catch(() => {});
  }

  /** Resolves when the server has begun to tell. `onChange` gets each ConfigMap that is made or changed from now on. */
  static async open(cluster: Cluster, onChange: (configMap: ConfigMap) => void): Promise<ConfigMapWatch> {
    const { caPem: ca, certPem: cert, keyPem: key } = cluster;
    const list = await cluster.request<{ metadata: { resourceVersion: string } }>("GET", `${CONFIG_MAPS}?limit=1`);
    const { resourceVersion } = list.metadata;
    const agent = new Agent({ connect: { ca, cert, key }, bodyTimeout: 0 });
    const url = `${cluster.server}${CONFIG_MAPS}?watch=true&resourceVersion=${resourceVersion}`;
    const { statusCode, body } = await request(url, { dispatcher: agent });
    if (statusCode !== 200) throw new Error(`watch of ConfigMaps: ${statusCode} ${await body.text()}`);
    body.setEncoding("utf8");
    return new ConfigMapWatch(
      agent,
      forEachLine(body, (line) => onChange((JSON.parse(line) as WatchEvent).object)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
    await this.#ended;
  }
}

const forEachLine = async (text: AsyncIterable<string>, onLine: (line: string) => void): Promise<void> => {
  let rest = "";
  for await (const chunk of text) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
};
