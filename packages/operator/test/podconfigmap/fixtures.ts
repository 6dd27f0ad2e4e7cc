import { digestOf } from "@pcmc/controller-runtime";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import type { ExistingConfigMap } from "../../src/controllers/digested-config-maps.ts";
import { type ParsedConfig, parsePodConfigMapConfig } from "../../src/podconfigmap/config.ts";
import { desiredConfigMaps, type NamespaceState, type Settlement } from "../../src/podconfigmap/desired.ts";
import { type Action, difference } from "../../src/podconfigmap/difference.ts";
import type { PodView } from "../../src/podconfigmap/views.ts";

/** A running Pod `web-0`, with `changes`. */
export const podView = (changes: Partial<PodView> = {}): PodView => ({
  name: "web-0",
  namespace: "shop",
  uid: `uid-of-${changes.name ?? "web-0"}`,
  labels: { app: "web" },
  annotations: undefined,
  nodeName: "node-1",
  phase: "Running",
  deletionTimestamp: undefined,
  ...changes,
});

/** A PodConfigMapConfig with `spec`, as stored. */
export const config = (name: string, spec: unknown = {}): ParsedConfig =>
  parsePodConfigMapConfig({ metadata: { name, namespace: "shop", uid: `uid-of-${name}`, generation: 1 }, spec });

/** A namespace that is what its Pods, configs and ConfigMaps are: reads like a cache, writes like the API server. */
export class Namespace {
  pods = new Map<string, PodView>();
  configs = new Map<string, ParsedConfig>();
  configMaps = new Map<string, ConfigMap>();
  rendered: NamespaceState["rendered"];
  #version = 0;

  constructor({ pods = [], configs = [] }: { pods?: readonly PodView[]; configs?: readonly ParsedConfig[] } = {}) {
    for (const pod of pods) this.pods.set(pod.name, pod);
    for (const one of configs) this.configs.set(one.name, one);
  }

  get state(): NamespaceState {
    return {
      configs: [...this.configs.values()],
      pod: (name) => this.pods.get(name),
      configMap: (name) => this.existing(name),
      ...(this.rendered && { rendered: this.rendered }),
    };
  }

  existing(name: string): ExistingConfigMap | undefined {
    const stored = this.configMaps.get(name);
    return stored && existingOf(stored);
  }

  settle(podName: string): readonly Settlement[] {
    const pod = this.pods.get(podName);
    return pod === undefined ? [] : desiredConfigMaps(pod, this.state);
  }

  /** What a reconcile of the Pod would do. */
  actions(podName: string): readonly Action[] {
    const existing = [...this.configMaps.values()].map(existingOf);
    return difference({ podName, pod: this.pods.get(podName), settlements: this.settle(podName), existing });
  }

  /** One reconcile of the Pod; returns what it did. */
  reconcile(podName: string): readonly Action[] {
    const actions = this.actions(podName);
    for (const action of actions) this.#apply(action);
    return actions;
  }

  /** Reconciles every Pod name until a round writes nothing; returns how many rounds wrote. */
  converge(podNames: readonly string[] = [...this.pods.keys()]): number {
    for (let round = 0; round < 10; round++) {
      const writes = podNames.flatMap((name) => this.reconcile(name)).filter(({ type }) => type !== "conflict");
      if (writes.length === 0) return round;
    }
    throw new Error("the namespace does not converge");
  }

  /** Stores an object, as a create or update of anyone does. */
  put(configMap: ConfigMap): void {
    const name = configMap.metadata?.name ?? "";
    const uid = configMap.metadata?.uid ?? `uid-${++this.#version}`;
    const metadata = { namespace: "shop", ...configMap.metadata, name, uid, resourceVersion: String(++this.#version) };
    this.configMaps.set(name, { ...configMap, metadata });
  }

  /** Changes a stored object by hand. */
  edit(name: string, change: (configMap: ConfigMap) => ConfigMap): void {
    const stored = this.configMaps.get(name);
    if (stored === undefined) throw new Error(`no ConfigMap ${name}`);
    this.put(change(stored));
  }

  #apply(action: Action): void {
    if (action.type === "create") this.#create(action.configMap);
    if (action.type === "update") this.#update(action.configMap);
    if (action.type === "delete") this.#delete(action.name, action.preconditions);
    if (action.type === "recreate") {
      this.#delete(action.configMap.metadata?.name ?? "", action.preconditions);
      this.#create(action.configMap);
    }
  }

  #create(configMap: ConfigMap): void {
    if (this.configMaps.has(configMap.metadata?.name ?? "")) throw new Error("AlreadyExists");
    if (configMap.metadata?.resourceVersion !== undefined) throw new Error("a create must have no resourceVersion");
    if (configMap.metadata?.uid !== undefined) throw new Error("a create must have no uid");
    this.put(configMap);
  }

  #update(configMap: ConfigMap): void {
    const stored = this.configMaps.get(configMap.metadata?.name ?? "");
    if (stored?.metadata?.resourceVersion !== configMap.metadata?.resourceVersion) throw new Error("Conflict");
    if (stored?.immutable) throw new Error("Invalid: immutable");
    this.put(configMap);
  }

  #delete(name: string, { uid, resourceVersion }: { uid: string; resourceVersion: string }): void {
    const metadata = this.configMaps.get(name)?.metadata;
    if (metadata?.uid !== uid || metadata.resourceVersion !== resourceVersion) throw new Error("Conflict");
    this.configMaps.delete(name);
  }
}

/** A stored ConfigMap as the cache holds it. */
export const existingOf = ({ metadata = {}, data, binaryData, immutable = false }: ConfigMap): ExistingConfigMap => ({
  metadata: {
    ...metadata,
    name: metadata.name ?? "",
    uid: metadata.uid ?? "",
    resourceVersion: metadata.resourceVersion ?? "",
  },
  dataDigest: data && digestOf(data),
  binaryDataDigest: binaryData && digestOf(binaryData),
  immutable,
});
