/** What a Pod says to get sidecars: names of Watchers of its namespace, with commas between. Entry `false`: no selector has a say. */
export const INJECT = "watch.example.com/inject";
/** The entry of `INJECT` by which a Pod opts out of the Watchers' selectors. */
export const OPT_OUT = "false";

/** What an injected Pod says: the names of the Watchers, sorted, with commas between. */
export const INJECTED = "watch.example.com/injected";
/** Beside it, with which content: `<watcher>=<revision>`, sorted by name, with commas between. */
export const INJECTED_REVISION = "watch.example.com/injected-revision";

/** The label of a namespace, with the value `INJECTION_DISABLED`, in which nothing is injected. */
export const INJECTION = "watch.example.com/injection";
export const INJECTION_DISABLED = "disabled";

/** By which a kubelet marks the Pods that only show what it runs from a file. Source: Kubernetes' `MirrorPodAnnotationKey`. */
export const MIRROR = "kubernetes.io/config.mirror";

/** The managed ConfigMap of a Watcher, from which its container gets its environment. */
export const configMapNameOf = (watcher: string): string => `${watcher}-config`;

/** In the order in which JavaScript, Go and CEL sort strings that are names: by characters. */
export const byName = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
