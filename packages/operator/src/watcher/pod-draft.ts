import type { PatchOperation } from "@pcmc/controller-runtime";
import type { Container, Pod, Volume } from "kubernetes-types/core/v1.d.ts";
import { annotationsFor, configMapsReadBy } from "./injected.ts";
import { configMapNameOf } from "./names.ts";

/** Which of a Pod's lists of containers. */
export type ContainerList = "initContainers" | "containers";

/** A container, and the Watcher whose it is. */
interface Placed {
  readonly container: Container;
  readonly watcher: string | undefined;
}

/** A Pod while Watchers are put into it, and the patch that does the same. */
export class PodDraft {
  readonly #pod: Pod;
  readonly #containers: Readonly<Record<ContainerList, Placed[]>>;
  readonly #volumes: Volume[];
  readonly #pullSecrets: Set<string>;
  readonly #patch: PatchOperation[] = [];

  /** `injected`: the Watchers that it has already, with the names of their containers as far as these are known. */
  constructor(pod: Pod, injected: ReadonlyMap<string, string | undefined>) {
    const owners = ownersIn(pod, injected);
    const placed = (list: readonly Container[] | undefined) => {
      const ofPod = list ?? [];
      return ofPod.map((container) => ({ container, watcher: owners.get(container) }));
    };
    this.#pod = pod;
    this.#containers = { initContainers: placed(pod.spec?.initContainers), containers: placed(pod.spec?.containers) };
    this.#volumes = [...(pod.spec?.volumes ?? [])];
    this.#pullSecrets = new Set((pod.spec?.imagePullSecrets ?? []).map(({ name }) => name ?? ""));
  }

  get patch(): readonly PatchOperation[] {
    return this.#patch;
  }

  /** The container of that name, and where it stands. */
  containerNamed(name: string): { readonly list: ContainerList; readonly container: Container } | undefined {
    for (const list of ["initContainers", "containers"] as const) {
      const found = this.#containers[list].find(({ container }) => container.name === name);
      if (found !== undefined) return { list, container: found.container };
    }
    return undefined;
  }

  containersIn(list: ContainerList): readonly Container[] {
    return this.#containers[list].map(({ container }) => container);
  }

  volumeNamed(name: string): Volume | undefined {
    return this.#volumes.find((volume) => volume.name === name);
  }

  /**
   * Puts a Watcher's container where it belongs: among those of other Watchers by name, and all of them before the Pod's own init
   * containers, or after its containers. What stands there already keeps its place, so it does not matter which came first.
   */
  addContainer(list: ContainerList, watcher: string, container: Container): void {
    const placed = this.#containers[list];
    const later = placed.findIndex((other) => other.watcher !== undefined && other.watcher > watcher);
    const earlier = placed.findLastIndex((other) => other.watcher !== undefined && other.watcher < watcher);
    const end = list === "containers" ? placed.length : earlier + 1;
    const at = later < 0 ? end : later;
    this.#add(`/spec/${list}`, container, { length: placed.length, at });
    placed.splice(at, 0, { container, watcher });
  }

  /** Takes a container of the Pod's own for a Watcher's. */
  adopt(name: string, watcher: string): void {
    for (const list of Object.values(this.#containers)) {
      const at = list.findIndex(({ container }) => container.name === name);
      const found = list[at];
      if (found !== undefined) list[at] = { ...found, watcher };
    }
  }

  addVolume(volume: Volume): void {
    this.#add("/spec/volumes", volume, { length: this.#volumes.length });
    this.#volumes.push(volume);
  }

  /** Once, however often it is asked for. */
  addPullSecret(name: string): void {
    if (this.#pullSecrets.has(name)) return;
    this.#add("/spec/imagePullSecrets", { name }, { length: this.#pullSecrets.size });
    this.#pullSecrets.add(name);
  }

  /** Makes the annotations say that the Pod has these Watchers, name -> revision, and no others. */
  annotate(injected: ReadonlyMap<string, string>): void {
    const present = this.#pod.metadata?.annotations;
    const wanted = annotationsFor(injected);
    if (present === undefined || present === null) {
      if (injected.size > 0) this.#patch.push({ op: "add", path: "/metadata/annotations", value: wanted });
      return;
    }
    for (const [key, value] of Object.entries(wanted)) {
      const path = `/metadata/annotations/${escaped(key)}`;
      if (injected.size > 0 && present[key] !== value) this.#patch.push({ op: "add", path, value });
      if (injected.size === 0 && Object.hasOwn(present, key)) this.#patch.push({ op: "remove", path });
    }
  }

  /** An empty list is none in Kubernetes' JSON, and a path into none is an error. */
  #add(path: string, value: unknown, { length, at = length }: { readonly length: number; readonly at?: number }): void {
    if (length === 0) this.#patch.push({ op: "add", path, value: [value] });
    else this.#patch.push({ op: "add", path: `${path}/${at === length ? "-" : at}`, value });
  }
}

/** Which of a Pod's containers is that of which Watcher: one for each at the most. */
const ownersIn = ({ spec }: Pod, injected: ReadonlyMap<string, string | undefined>): ReadonlyMap<Container, string> => {
  if (injected.size === 0) return NO_OWNERS;
  const { initContainers = [], containers = [] } = spec ?? {};
  const readers = Map.groupBy(
    [...initContainers, ...containers].flatMap((container) =>
      configMapsReadBy(container).map((name) => ({ name, container })),
    ),
    ({ name }) => name,
  );
  return new Map(
    [...injected].flatMap(([watcher, name]) => {
      const candidates = (readers.get(configMapNameOf(watcher)) ?? []).map(({ container }) => container);
      const found = injectedAmong(candidates, name);
      return found === undefined ? [] : [[found, watcher] as const];
    }),
  );
};

const NO_OWNERS: ReadonlyMap<Container, string> = new Map();

/**
 * Which of the containers that read a Watcher's ConfigMap is the Watcher's: a Pod's own may read it too. By name, where that is
 * known; else by where it would have been put: a native sidecar, or the last of the containers.
 */
const injectedAmong = (candidates: readonly Container[], name: string | undefined): Container | undefined =>
  candidates.find((container) => container.name === name) ??
  candidates.find(({ restartPolicy }) => restartPolicy === "Always") ??
  candidates.at(-1);

/** A step of a JSON pointer. Source: RFC 6901, section 3. */
const escaped = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");
