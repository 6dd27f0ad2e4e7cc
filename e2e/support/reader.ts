import { writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import type { Cluster } from "@pcmc/devcluster";
import { kubectl } from "./kubectl.ts";

/** Somebody who has the token of a ServiceAccount and nothing else. */
export interface Reader {
  /** For kubectl. */
  readonly kubeconfig: string;
  /** Asks the API server once, and gives back its answer. A PATCH is a strategic merge patch. */
  ask(method: Method, path: string, body?: object): Promise<{ readonly status: number; readonly body: string }>;
}

type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** Gets a token of a ServiceAccount. `flags` are further ones of `kubectl create token`. */
export const readerWith = async (
  cluster: Cluster,
  account: string,
  namespace: string,
  flags: readonly string[] = [],
): Promise<Reader> => {
  const token = (await kubectl(cluster, ["-n", namespace, "create", "token", account, ...flags])).trim();
  const kubeconfig = join(cluster.stateDir, `${namespace}-${account}.kubeconfig`);
  writeFileSync(kubeconfig, kubeconfigOf(cluster, token, namespace), { mode: 0o600 });
  const agent = new Agent({ ca: cluster.caPem });
  return {
    kubeconfig,
    ask: (method, path, content) =>
      new Promise((resolve, reject) => {
        const type = method === "PATCH" ? "application/strategic-merge-patch+json" : "application/json";
        const headers = { authorization: `Bearer ${token}`, ...(content && { "content-type": type }) };
        const asked = request(new URL(path, cluster.server), { method, headers, agent }, (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (text: string) => {
            body += text;
          });
          response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        });
        asked.on("error", reject).end(content && JSON.stringify(content));
      }),
  };
};

const kubeconfigOf = (cluster: Cluster, token: string, namespace: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "reader",
    contexts: [{ name: "reader", context: { cluster: "cluster", user: "reader", namespace } }],
    clusters: [
      {
        name: "cluster",
        cluster: {
          server: cluster.server,
          "certificate-authority-data": Buffer.from(cluster.caPem).toString("base64"),
        },
      },
    ],
    users: [{ name: "reader", user: { token } }],
  });
