import {
  type AdmissionHandler,
  type AdmissionRequest,
  type AdmissionResult,
  type AdmissionRoute,
  allow,
  type Informer,
  snakeCase,
} from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../../api/watcher.ts";
import type { InjectionMetrics } from "../../metrics/injection-metrics.ts";
import { isOwnPod, whyExcluded } from "../../watcher/excluded-namespaces.ts";
import { type Injection, inject } from "../../watcher/inject.ts";
import type { NamespaceLabels } from "../../watcher/namespace-labels.ts";
import type { NativeSidecars } from "../../watcher/native-sidecars.ts";
import { injectionWarnings } from "./warnings.ts";

export interface InjectionOptions {
  readonly watchers: Pick<Informer<Watcher>, "inNamespace" | "syncedIn" | "missing">;
  readonly namespaces: Pick<NamespaceLabels, "labelsOf">;
  readonly nativeSidecars: Pick<NativeSidecars, "supported"> & Partial<Pick<NativeSidecars, "minor">>;
  /** The operator's. */
  readonly ownNamespace: string;
  /** Those that are watched (`WATCH_NAMESPACES`); empty = all. */
  readonly watchNamespaces: readonly string[];
  readonly metrics?: InjectionMetrics | undefined;
}

/** What a handler throws that cannot know yet what to inject: `failurePolicy` then says what becomes of the Pod. */
class NotKnownYetError extends Error {
  constructor(what: string) {
    super(`${what} not known yet: nothing can be injected`);
    this.name = "NotKnownYetError";
  }
}

/**
 * The mutating webhook of Pods. All that it needs is in memory: it asks nobody, waits for nothing and changes nothing but the Pod
 * that is created. What is not injected, and why, is a warning to whoever creates the Pod.
 *
 * @throws NotKnownYetError before the Watchers of the namespace are known.
 */
export const injectionHandler =
  (options: InjectionOptions): AdmissionHandler =>
  (request) => {
    const pod = podOf(request);
    if (pod === undefined || !isWanted(request.namespace, pod, options)) return allow();
    const { watchers, namespaces, nativeSidecars, metrics } = options;
    const { namespace } = request;
    if (!watchers.syncedIn(namespace)) throw new NotKnownYetError(`the Watchers of namespace ${namespace} are`);
    const { supported, minor } = nativeSidecars;
    const injection = inject(pod, watchers.inNamespace(namespace), { nativeSidecars: supported ?? true, minor });
    if (supported === undefined && injection.added.length > 0)
      throw new NotKnownYetError("the version of the API server is");
    // What does not happen is not counted.
    if (!request.dryRun) count(injection, metrics);
    return answer(injection, injectionWarnings(injection, pod, namespaces.labelsOf(namespace)));
  };

/** The handler as it is served: Pods are created with the webhook down, so with a fault of ours too. */
export const injectionRoute = (options: InjectionOptions): AdmissionRoute => ({
  handler: injectionHandler(options),
  onFailure: "failurePolicy",
});

/** The Pod that is created; `undefined` for any other request. */
const podOf = ({ operation, resource, subResource, object }: AdmissionRequest): Pod | undefined => {
  if (operation !== "CREATE" || subResource !== "" || object === undefined) return undefined;
  if (resource.group !== "" || resource.version !== "v1" || resource.resource !== "pods") return undefined;
  // The boundary: the API server has decoded it as the Pod that it says it is.
  return object as Pod;
};

/** Whether Pods like this are injected at all. The registration says the same; an older one, or another one, may not. */
const isWanted = (
  namespace: string,
  { metadata }: Pod,
  { namespaces, ownNamespace, watchNamespaces, watchers }: InjectionOptions,
): boolean => {
  // Without the CRD there is nothing to inject.
  if (watchers.missing) return false;
  if (watchNamespaces.length > 0 && !watchNamespaces.includes(namespace)) return false;
  if (isOwnPod(metadata?.labels)) return false;
  return whyExcluded({ name: namespace, labels: namespaces.labelsOf(namespace) }, ownNamespace) === undefined;
};

const answer = ({ patch, injected }: Injection, warnings: readonly string[]): AdmissionResult =>
  allow({
    patch,
    warnings,
    ...(patch.length > 0 && { auditAnnotations: { injected: injected.join(",") } }),
  });

/**
 * A Pod that has come with some has been here before: other webhooks have changed it since, and what it does not get is counted.
 * One that has none cannot be told from a new one.
 */
const count = ({ added, injected, left }: Injection, metrics: InjectionMetrics | undefined): void => {
  for (const _ of added) metrics?.onInjection("injected");
  if (injected.length > added.length) return;
  for (const { reason } of left) metrics?.onInjection(snakeCase(reason));
};
