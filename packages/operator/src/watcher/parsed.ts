import type { Stored } from "@pcmc/controller-runtime";
import { conform } from "../api/conform.ts";
import { type Watcher, type WatcherSpec, watcherResource } from "../api/watcher.ts";
import { shorten } from "../controllers/conditions.ts";
import { parseLabelSelector } from "../podconfigmap/selector.ts";
import { revisionOf } from "./revision.ts";
import { whyUnusable } from "./usable.ts";

/** Why nothing of a spec can be injected. */
export interface SpecFault {
  readonly reason: "InvalidSpec" | "InvalidSelector";
  readonly message: string;
}

/** A stored spec, read once for each version of its Watcher. */
export type ParsedWatcher =
  | { readonly ok: true; readonly spec: WatcherSpec; readonly revision: string }
  | { readonly ok: false; readonly fault: SpecFault };

const parsed = new WeakMap<Stored<Watcher>, ParsedWatcher>();

/** Reads a Watcher as it is stored, which may be anything that an older CRD let in. Never throws. */
export const parsedWatcher = (watcher: Stored<Watcher>): ParsedWatcher => {
  const known = parsed.get(watcher);
  if (known !== undefined) return known;
  const made = parseWatcher(watcher);
  parsed.set(watcher, made);
  return made;
};

const parseWatcher = ({ spec }: Stored<Watcher>): ParsedWatcher => {
  if (spec === undefined) return invalid("InvalidSpec", "the Watcher has no spec: give it a container");
  const { value, findings } = conform(watcherResource.schema, { spec });
  // Data is judged with the ConfigMap that is made of it, and the selector below.
  const unusable = findings.filter(
    ({ path, leftOut }) => leftOut && !["configData", "configBinaryData", "podSelector"].includes(String(path[1])),
  );
  if (unusable.length > 0 || value === undefined) {
    const said = unusable.map(({ field, message }) => `${field}: ${message}`).join("; ");
    return invalid("InvalidSpec", shorten(said || "spec cannot be read: mend it"));
  }
  const { podSelector } = spec;
  if (podSelector !== undefined && podSelector !== null) {
    const selector = parseLabelSelector(podSelector);
    if (!selector.ok) return invalid("InvalidSelector", shorten(`podSelector: ${selector.errors.join("; ")}`));
  }
  const why = whyUnusable(spec);
  if (why !== undefined) return invalid("InvalidSpec", `no Pod could be created with it: ${why}`);
  return { ok: true, spec, revision: revisionOf(spec) };
};

const invalid = (reason: SpecFault["reason"], message: string): ParsedWatcher => ({
  ok: false,
  fault: { reason, message },
});
