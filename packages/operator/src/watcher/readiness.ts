import type { Watcher } from "../api/watcher.ts";

/**
 * Why a Watcher must not be injected; `undefined` when it may: its condition Ready is True, and is about what its spec is now.
 * Until then its ConfigMap may be missing, and a container that reads it would not start (CreateContainerConfigError).
 */
export const whyNotReady = ({ metadata, status }: Watcher): string | undefined => {
  if (metadata?.deletionTimestamp !== undefined) return "it is being deleted";
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const observed = ready?.observedGeneration ?? status?.observedGeneration;
  if (ready === undefined || observed !== metadata?.generation) return "the controller has not settled it yet";
  if (ready.status === "True") return undefined;
  return `it is not ready: ${[ready.reason, ready.message].filter((text) => text !== "").join(": ")}`;
};
