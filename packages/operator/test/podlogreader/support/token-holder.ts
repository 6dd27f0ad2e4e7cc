import { get } from "node:https";
import type { Cluster } from "@pcmc/devcluster";
import type { Shop } from "./shop.ts";

/** Somebody who has a token of a ServiceAccount, and nothing else. */
export class TokenHolder {
  readonly #cluster: Cluster;
  readonly #token: string;

  private constructor(cluster: Cluster, token: string) {
    this.#cluster = cluster;
    this.#token = token;
  }

  static async of(cluster: Cluster, { shop, account }: { readonly shop: Shop; readonly account: string }) {
    const { status } = await cluster.request<{ status: { token: string } }>(
      "POST",
      `${shop.path("serviceaccounts", account)}/token`,
      { spec: {} },
    );
    return new TokenHolder(cluster, status.token);
  }

  /**
   * The API server's code for a request for a Pod's log: 401 = it does not know the token, 403 = it does not allow it, anything
   * else = it would have given it. There is no kubelet to give one.
   */
  logOf(shop: Shop, pod: string): Promise<number> {
    const { server, caPem: ca } = this.#cluster;
    const headers = { authorization: `Bearer ${this.#token}` };
    return new Promise((resolve, reject) => {
      get(`${server}${shop.path("pods", pod)}/log`, { ca, headers, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      }).once("error", reject);
    });
  }
}
