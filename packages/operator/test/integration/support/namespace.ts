import { ApiStatusError, type Cluster } from "@pcmc/devcluster";
import type { ConfigMap, Pod } from "kubernetes-types/core/v1.d.ts";
import type { ObjectMeta } from "kubernetes-types/meta/v1.d.ts";
import type { PodConfigMapConfig } from "../../../src/api/podconfigmapconfig.ts";
import { eventually } from "./eventually.ts";

/** What the tests work with, by plural. */
export interface Kinds {
  readonly pods: Pod;
  readonly configmaps: ConfigMap;
  readonly podconfigmapconfigs: PodConfigMapConfig;
}

const roots: Readonly<Record<keyof Kinds, string>> = {
  pods: "/api/v1",
  configmaps: "/api/v1",
  podconfigmapconfigs: "/apis/podconfig.example.com/v1alpha1",
};

/** An object as the API server has it. */
export type Held<T> = T & {
  readonly metadata: ObjectMeta & { readonly name: string; readonly uid: string; readonly resourceVersion: string };
};

/** What of a Pod a test cares about. */
export interface PodWish {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  /** On a node, a Pod is deleted gracefully: it stays, terminating, until a kubelet has ended it. */
  readonly nodeName?: string;
}

type Condition = NonNullable<NonNullable<PodConfigMapConfig["status"]>["conditions"]>[number];

const MERGE = { contentType: "application/merge-patch+json" };

/** One namespace of a cluster, worked on as its admin, past the manager. */
export class Namespace {
  readonly name: string;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, name: string) {
    this.#cluster = cluster;
    this.name = name;
  }

  create<K extends keyof Kinds>(kind: K, object: Kinds[K]): Promise<Held<Kinds[K]>> {
    return this.#cluster.request("POST", this.#path(kind), object);
  }

  get<K extends keyof Kinds>(kind: K, name: string): Promise<Held<Kinds[K]>> {
    return this.#cluster.request("GET", this.#path(kind, name));
  }

  async list<K extends keyof Kinds>(kind: K): Promise<Held<Kinds[K]>[]> {
    return (await this.#cluster.request<{ items: Held<Kinds[K]>[] }>("GET", this.#path(kind))).items;
  }

  /** Merges `patch` into the object; null takes a field out. */
  patch<K extends keyof Kinds>(kind: K, name: string, patch: object): Promise<Held<Kinds[K]>> {
    return this.#cluster.request("PATCH", this.#path(kind, name), patch, MERGE);
  }

  /** Deletes at once, unless `options` say otherwise. */
  async remove(kind: keyof Kinds, name: string, options: object = { gracePeriodSeconds: 0 }): Promise<void> {
    await this.#cluster.request("DELETE", this.#path(kind, name), options);
  }

  /** Whether there is no such object. */
  async lacks(kind: keyof Kinds, name: string): Promise<boolean> {
    try {
      await this.get(kind, name);
      return false;
    } catch (error) {
      if (error instanceof ApiStatusError && error.reason === "NotFound") return true;
      throw error;
    }
  }

  createPod(name: string, { nodeName, ...metadata }: PodWish = {}): Promise<Held<Pod>> {
    const containers = [{ name: "main", image: "example.com/never-pulled" }];
    const spec = { containers, ...(nodeName !== undefined && { nodeName }) };
    return this.create("pods", { metadata: { name, ...(metadata as ObjectMeta) }, spec });
  }

  /** Sets a Pod's phase, as a kubelet does. */
  setPhase(pod: string, phase: string): Promise<unknown> {
    return this.#cluster.request("PATCH", `${this.#path("pods", pod)}/status`, { status: { phase } }, MERGE);
  }

  /** `spec` is not checked here: some tests store what is not valid. */
  createConfig(name: string, spec: object = {}): Promise<Held<PodConfigMapConfig>> {
    const type = { apiVersion: "podconfig.example.com/v1alpha1", kind: "PodConfigMapConfig" };
    return this.create("podconfigmapconfigs", { ...type, metadata: { name }, spec });
  }

  /** Waits until a PodConfigMapConfig's status is about its present generation; returns it as it is then. */
  settled(config: string): Promise<Held<PodConfigMapConfig>> {
    return eventually(`PodConfigMapConfig ${config} is settled at its generation`, async () => {
      const held = await this.get("podconfigmapconfigs", config);
      return held.status?.observedGeneration === held.metadata.generation && held;
    });
  }

  /** Waits until `Ready` is as `expected`. */
  ready(config: string, expected: { readonly status: "True" | "False"; readonly reason?: string }): Promise<Condition> {
    return eventually(`Ready of ${config} is ${JSON.stringify(expected)}`, async () => {
      const found = await this.condition(config, "Ready");
      if (found?.status === expected.status && (expected.reason ?? found.reason) === found.reason) return found;
      throw new Error(`it is ${JSON.stringify(found)}`);
    });
  }

  async condition(config: string, type: string): Promise<Condition | undefined> {
    const { status } = await this.get("podconfigmapconfigs", config);
    return status?.conditions?.find((condition) => condition.type === type);
  }

  #path(kind: keyof Kinds, name?: string): string {
    return `${roots[kind]}/namespaces/${this.name}/${kind}${name === undefined ? "" : `/${name}`}`;
  }
}
