import type { Projection } from "@pcmc/controller-runtime";
import type { Reads } from "@pcmc/gotemplate";

/** Where on the Pod the short names of a template's data come from (see `PodTemplateData`); none = not from the Pod. */
const SHORT_NAMES: ReadonlyMap<string, readonly string[]> = new Map([
  ["labels", ["metadata", "labels"]],
  ["annotations", ["metadata", "annotations"]],
  ["namespace", ["metadata", "namespace"]],
  ["podName", ["metadata", "name"]],
  ["nodeName", ["spec", "nodeName"]],
  ["phase", ["status", "phase"]],
]);
const OF_THE_POD = new Set(["metadata", "spec", "status"]);

/**
 * What a cache must hold of Pods for templates that read `reads`: no less, or a template would take for missing what was
 * only not decoded. Where it cannot be said what they read, whole Pods.
 */
export const podProjection = (reads: Reads): Projection => {
  if (reads.kind === "whole") return true;
  const tree: Tree = new Map();
  for (const path of reads.paths) {
    const [first] = path;
    // The dot itself.
    if (first === undefined) return true;
    const source = OF_THE_POD.has(first) ? path : [...(SHORT_NAMES.get(first) ?? []), ...path.slice(1)];
    if (OF_THE_POD.has(source[0] ?? "")) plant(tree, source);
  }
  return projectionOf(tree);
};

/** Fields to read on in; `undefined` = the value as it is. */
type Tree = Map<string, Tree | undefined>;

const plant = (tree: Tree, path: readonly string[]): void => {
  let at = tree;
  for (const [i, field] of path.entries()) {
    if (i === path.length - 1) {
      at.set(field, undefined);
      return;
    }
    if (at.has(field) && at.get(field) === undefined) return;
    const next = at.get(field) ?? new Map();
    at.set(field, next);
    at = next;
  }
};

const projectionOf = (tree: Tree): Projection =>
  Object.fromEntries([...tree].map(([field, inner]) => [field, inner === undefined ? true : projectionOf(inner)]));
