import type { Container, Pod } from "kubernetes-types/core/v1.d.ts";
import { configMapNameOf, INJECTED, INJECTED_REVISION } from "./names.ts";

/**
 * Which Watchers a Pod has: name -> the revision that it was injected with, `""` where the Pod does not say. A Watcher counts
 * only if the annotation names it and its container is there: the one that reads `<watcher>-config`, whatever it is called,
 * so that a Watcher that has since been changed, or is gone, is still known by what it left.
 *
 * Reads annotations and, of containers, `envFrom`: a projection of the Pod has to have these.
 */
export const injectedIn = ({ metadata, spec }: Pod): ReadonlyMap<string, string> => {
  const named = injectedNames(metadata?.annotations?.[INJECTED]);
  if (named.length === 0) return NONE;
  const revisions = revisionsOf(metadata?.annotations?.[INJECTED_REVISION]);
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const read = new Set(containers.flatMap(configMapsReadBy));
  const present = named.filter((watcher) => read.has(configMapNameOf(watcher)));
  return new Map(present.map((watcher) => [watcher, revisions.get(watcher) ?? ""]));
};

/**
 * Entries of the two annotations that count. Anybody who creates Pods may write them, 256 KiB of them, and each name makes work
 * for everybody; and no Pod has so many sidecars.
 */
const MAX_INJECTED = 256;

/** The entries of `watch.example.com/injected` that count, whether the Pod has what they name or not. */
export const injectedNames = (annotation: string | undefined): readonly string[] => listOf(annotation, MAX_INJECTED);

const NONE: ReadonlyMap<string, string> = new Map();

/** The names of the ConfigMaps from which a container gets its environment. */
export const configMapsReadBy = ({ envFrom }: Pick<Container, "envFrom">): readonly string[] =>
  (envFrom ?? []).flatMap(({ configMapRef }) => configMapRef?.name ?? []);

/** The two annotations of a Pod that has these Watchers, name -> revision. */
export const annotationsFor = (injected: ReadonlyMap<string, string>): Readonly<Record<string, string>> => {
  const names = [...injected.keys()].sort();
  return {
    [INJECTED]: names.join(","),
    [INJECTED_REVISION]: names.map((name) => `${name}=${injected.get(name)}`).join(","),
  };
};

/** The entries of a list with commas, without blanks around them and without empty ones; of the first `limit`. */
export const listOf = (text: string | undefined, limit?: number): readonly string[] =>
  text === undefined
    ? []
    : text
        .split(",", limit)
        .map((entry) => entry.trim())
        .filter((entry) => entry !== "");

const revisionsOf = (text: string | undefined): ReadonlyMap<string, string> =>
  new Map(
    listOf(text, MAX_INJECTED).map((entry) => {
      const at = entry.indexOf("=");
      return at < 0 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
