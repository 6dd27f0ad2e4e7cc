import { readFileSync } from "node:fs";
import type { Cluster } from "@pcmc/devcluster";

/** What is asked of etcd behind the API server's back. */
export interface Etcd {
  /**
   * Lets it forget all but the present state, and resolves when it has. Between two rounds, so that none runs on the
   * leavings of the one before.
   */
  compact(): Promise<void>;
  /**
   * How many objects are stored under a path such as `configmaps/NAMESPACE/`. etcd walks its index, half a millisecond
   * for each thousand: about half of what a list of one object costs API server and etcd, and it queues behind no
   * writes.
   */
  count(path: string): Promise<number>;
}

/** The etcd of a cluster. */
export const etcdOf = async (cluster: Cluster): Promise<Etcd> => {
  const url = await addressOf(cluster);
  return {
    compact: async () => {
      const { header } = await call<{ header: { revision: string } }>(`${url}/v3/kv/range`, {
        key: base64("/"),
        count_only: true,
      });
      await call(`${url}/v3/kv/compaction`, { revision: header.revision, physical: true });
    },
    count: async (path) => {
      const [first, end] = [`/registry/${path}`, `/registry/${path.slice(0, -1)}0`];
      // "0" follows "/": all keys of that prefix. Absent = none.
      const { count = "0" } = await call<{ count?: string }>(`${url}/v3/kv/range`, {
        key: base64(first),
        range_end: base64(end),
        count_only: true,
        serializable: true,
      });
      return Number(count);
    },
  };
};

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** The address is in no interface of the cluster, but on the command line. */
const addressOf = async (cluster: Cluster): Promise<string> => {
  const { etcd } = await cluster.pids();
  const url = /--listen-client-urls=(http[^\0,]+)/.exec(readFileSync(`/proc/${etcd}/cmdline`, "utf8"))?.[1];
  if (url === undefined) throw new Error("etcd's command line does not say where it listens");
  return url;
};

/** etcd's gRPC gateway: JSON over HTTP, bytes as base64, 64-bit numbers as text. */
const call = async <T>(url: string, body: unknown): Promise<T> => {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  const text = await response.text();
  // Nothing was written since the last time.
  if (response.ok || text.includes("has been compacted")) return JSON.parse(text) as T;
  throw new Error(`${url}: ${response.status} ${text}`);
};
