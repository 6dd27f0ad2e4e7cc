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

/** The etcd of a cluster. Bytes go as base64, and 64-bit numbers come as text. */
export const etcdOf = (cluster: Cluster): Etcd => ({
  compact: async () => {
    const all = { key: base64("/"), count_only: true };
    const { header } = await cluster.requestEtcd<{ header: { revision: string } }>("/v3/kv/range", all);
    const compaction = cluster.requestEtcd("/v3/kv/compaction", { revision: header.revision, physical: true });
    await compaction.catch((error: Error) => {
      // Nothing was written since the last time.
      if (!error.message.includes("has been compacted")) throw error;
    });
  },
  count: async (path) => {
    const [first, end] = [`/registry/${path}`, `/registry/${path.slice(0, -1)}0`];
    // "0" follows "/": all keys of that prefix. Absent = none.
    const { count = "0" } = await cluster.requestEtcd<{ count?: string }>("/v3/kv/range", {
      key: base64(first),
      range_end: base64(end),
      count_only: true,
      serializable: true,
    });
    return Number(count);
  },
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");
