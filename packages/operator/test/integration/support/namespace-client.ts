import { ApiStatusError, type Cluster } from "@pcmc/devcluster";
import type { ObjectMeta } from "kubernetes-types/meta/v1.d.ts";

/** An object as the API server has it. */
export type Held<T> = T & {
  readonly metadata: ObjectMeta & { readonly name: string; readonly uid: string; readonly resourceVersion: string };
};

export const MERGE = { contentType: "application/merge-patch+json" };

/** One namespace of a cluster, worked on as its admin, past whatever is under test. `Kinds` are the types by plural. */
export class NamespaceClient<Kinds extends object> {
  readonly name: string;
  protected readonly cluster: Cluster;
  readonly #roots: Readonly<Record<keyof Kinds, string>>;

  /** @param roots where the API has each plural: `/apis/apps/v1`. */
  constructor(cluster: Cluster, name: string, roots: Readonly<Record<keyof Kinds, string>>) {
    this.cluster = cluster;
    this.name = name;
    this.#roots = roots;
  }

  create<K extends keyof Kinds & string>(kind: K, object: Kinds[K]): Promise<Held<Kinds[K]>> {
    return this.cluster.request("POST", this.path(kind), object);
  }

  get<K extends keyof Kinds & string>(kind: K, name: string): Promise<Held<Kinds[K]>> {
    return this.cluster.request("GET", this.path(kind, name));
  }

  async list<K extends keyof Kinds & string>(kind: K): Promise<Held<Kinds[K]>[]> {
    return (await this.cluster.request<{ items: Held<Kinds[K]>[] }>("GET", this.path(kind))).items;
  }

  /** Merges `patch` into the object; null takes a field out. */
  patch<K extends keyof Kinds & string>(kind: K, name: string, patch: object): Promise<Held<Kinds[K]>> {
    return this.cluster.request("PATCH", this.path(kind, name), patch, MERGE);
  }

  /** Merges `status` into the object's, as whoever keeps that does. */
  patchStatus<K extends keyof Kinds & string>(kind: K, name: string, status: object): Promise<Held<Kinds[K]>> {
    return this.cluster.request("PATCH", `${this.path(kind, name)}/status`, { status }, MERGE);
  }

  /** Deletes at once, unless `options` say otherwise. */
  async remove(kind: keyof Kinds & string, name: string, options: object = { gracePeriodSeconds: 0 }): Promise<void> {
    await this.cluster.request("DELETE", this.path(kind, name), options);
  }

  /** Whether there is no such object. */
  async lacks(kind: keyof Kinds & string, name: string): Promise<boolean> {
    try {
      await this.get(kind, name);
      return false;
    } catch (error) {
      if (error instanceof ApiStatusError && error.reason === "NotFound") return true;
      throw error;
    }
  }

  path(kind: keyof Kinds & string, name?: string): string {
    return `${this.#roots[kind]}/namespaces/${this.name}/${kind}${name === undefined ? "" : `/${name}`}`;
  }
}
