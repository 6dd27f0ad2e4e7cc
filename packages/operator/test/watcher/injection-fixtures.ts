import type { PatchOperation } from "@pcmc/controller-runtime";
import type { Container, Pod, PodSpec } from "kubernetes-types/core/v1.d.ts";
import type { Watcher, WatcherSpec } from "../../src/api/watcher.ts";
import { type InjectOptions, inject } from "../../src/watcher/inject.ts";
import { revisionOf } from "../../src/watcher/revision.ts";

/** A Watcher that is Ready at its current generation, with a container that is called after it. */
export const watcher = (name: string, spec: Partial<WatcherSpec> = {}, status: Watcher["status"] = {}): Watcher => {
  const whole: WatcherSpec = { container: { name, image: "sidecar:1" }, ...spec };
  return {
    apiVersion: "watch.example.com/v1alpha1",
    kind: "Watcher",
    metadata: { name, namespace: "shop", uid: `uid-${name}`, resourceVersion: "1", generation: 1 },
    spec: whole,
    status: {
      observedGeneration: 1,
      revision: revisionOf(whole),
      configMapName: `${name}-config`,
      conditions: [readyCondition("True", "Settled")],
      ...status,
    },
  };
};

export const readyCondition = (
  status: "True" | "False",
  reason: string,
  { message = "", observedGeneration = 1 } = {},
) => ({ type: "Ready", status, reason, message, observedGeneration, lastTransitionTime: "2026-01-01T00:00:00Z" });

interface PodParts {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Partial<PodSpec>;
}

export const app: Container = { name: "app", image: "app:1" };

/** A Pod with one container, `app`. */
export const pod = ({ annotations, labels, spec }: PodParts = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: "web",
    namespace: "shop",
    ...(annotations !== undefined && { annotations: { ...annotations } }),
    ...(labels !== undefined && { labels: { ...labels } }),
  },
  spec: { containers: [app], ...spec },
});

/** A Pod that asks for Watchers. */
export const asking = (names: string, { annotations, ...parts }: PodParts = {}): Pod =>
  pod({ ...parts, annotations: { "watch.example.com/inject": names, ...annotations } });

export const NATIVE: InjectOptions = { nativeSidecars: true };
export const PLAIN: InjectOptions = { nativeSidecars: false };

/** The Pod after the patch, and all else that came out. */
export const injectedPod = (before: Pod, watchers: readonly Watcher[], options: InjectOptions = NATIVE) => {
  const result = inject(before, watchers, options);
  return { ...result, pod: patched(before, result.patch) };
};

export const initNames = ({ spec }: Pod): readonly string[] => (spec?.initContainers ?? []).map(({ name }) => name);
export const containerNames = ({ spec }: Pod): readonly string[] => (spec?.containers ?? []).map(({ name }) => name);

/**
 * Applies a JSON patch (RFC 6902) with the operations that we use. As strict as the API server's: a path into what is not there is
 * an error.
 */
export const patched = <T>(object: T, patch: readonly PatchOperation[]): T => {
  const copy: T = structuredClone(object);
  for (const operation of patch) apply(copy, operation);
  return copy;
};

const apply = (object: unknown, operation: PatchOperation): void => {
  const steps = operation.path.split("/").slice(1).map(unescaped);
  const last = steps.pop() ?? "";
  let parent = object;
  for (const step of steps) parent = childOf(parent, step, operation.path);
  if (operation.op !== "add" && operation.op !== "remove") throw new Error(`unknown operation ${operation.op}`);
  if (Array.isArray(parent)) {
    const at = last === "-" ? parent.length : Number(last);
    if (!(at >= 0 && at <= parent.length) || operation.op === "remove") throw new Error(`no place ${operation.path}`);
    parent.splice(at, 0, operation.value);
    return;
  }
  const fields = asObject(parent, operation.path);
  if (operation.op === "add") fields[last] = operation.value;
  else if (Object.hasOwn(fields, last)) delete fields[last];
  else throw new Error(`nothing to remove at ${operation.path}`);
};

const unescaped = (step: string): string => step.replaceAll("~1", "/").replaceAll("~0", "~");

const childOf = (parent: unknown, step: string, path: string): unknown => {
  const child = Array.isArray(parent) ? parent[Number(step)] : asObject(parent, path)[step];
  if (child === undefined) throw new Error(`no ${step} on the way to ${path}`);
  return child;
};

const asObject = (value: unknown, path: string): Record<string, unknown> => {
  if (typeof value !== "object" || value === null) throw new Error(`no object on the way to ${path}`);
  // Objects that come out of JSON have no other fields than these.
  return value as Record<string, unknown>;
};
