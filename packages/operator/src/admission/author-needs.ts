import { isDeepStrictEqual } from "node:util";
import { isObject } from "../api/conform.ts";
import { podConfigMapConfigResource } from "../api/podconfigmapconfig.ts";
import type { Access } from "./access-reviews.ts";

/** A right that the author of a write needs for what is written. */
export interface AuthorNeed {
  readonly access: Access;
  /** The field that needs it. */
  readonly path: readonly string[];
  /** Why, to follow the name of the right. */
  readonly why: string;
}

type Spec = Readonly<Record<string, unknown>>;

const specOf = (object: unknown): Spec => (isObject(object) && isObject(object.spec) ? object.spec : {});

/** Whether the field differs, or the Pods that it is for. */
const isAffected = (field: string, spec: Spec, before: Spec): boolean =>
  !isDeepStrictEqual(spec[field], before[field]) || !isDeepStrictEqual(spec.podSelector, before.podSelector);

const hasEntries = (value: unknown): boolean => isObject(value) && Object.keys(value).length > 0;
const isThere = (value: unknown): boolean => value !== undefined && value !== null;

/**
 * What the author of a write must be allowed to do, so that nobody gains by a PodConfigMapConfig what RBAC does not give:
 *
 * - `get pods` for templates: they can copy any field of a Pod into a ConfigMap;
 * - `enforce podconfigmapconfigs` for `ebpfConfig`, which can cut Pods off. For taking it out too: who may not close a port
 *   may not open one. Deleting the object is another verb, which RBAC gives.
 *
 * @param before the object as it was; `undefined` on create. What does not change, or select other Pods, needs nothing.
 */
export const authorNeeds = (object: unknown, before: unknown, namespace: string): readonly AuthorNeed[] => {
  const spec = specOf(object);
  const old = specOf(before);
  const isNew = before === undefined || before === null;
  const needs: AuthorNeed[] = [];
  const { configMapDataTemplate: templates, ebpfConfig } = spec;
  if (hasEntries(templates) && (isNew || isAffected("configMapDataTemplate", spec, old))) {
    needs.push({
      access: { namespace, verb: "get", group: "", resource: "pods" },
      path: ["spec", "configMapDataTemplate"],
      why: "templates can copy all of a Pod",
    });
  }
  if ((isThere(ebpfConfig) || isThere(old.ebpfConfig)) && (isNew || isAffected("ebpfConfig", spec, old))) {
    const { group, plural: resource } = podConfigMapConfigResource;
    needs.push({
      access: { namespace, verb: "enforce", group, resource },
      path: ["spec", "ebpfConfig"],
      why: "ebpfConfig decides over the traffic of Pods",
    });
  }
  return needs;
};
