import { conform, isObject } from "../../api/conform.ts";
import { identityFaultsOf } from "../../api/validate.ts";
import { type WatcherSpec, watcherResource } from "../../api/watcher.ts";
import { configMapBytes, MAX_CONFIG_MAP } from "../../api/watcher-rules.ts";
import { configMapNameOf } from "../../watcher/names.ts";
import { asError, error, errorsFirst, type Finding, warning } from "../finding.ts";
import { metadataFaults } from "../metadata.ts";
import { selectorWarnings } from "../selector-warnings.ts";
import { containerFindings } from "./container/container.ts";
import { nameFindings } from "./names.ts";
import { volumeFindings } from "./volume.ts";

/**
 * All that admission has to say of a Watcher, without an API server; see `validatePodConfigMapConfig`, which is the like for the
 * other kind. Never throws.
 */
export const validateWatcher = (object: unknown): readonly Finding[] => {
  const { metadata } = isObject(object) ? object : {};
  const name = nameIn(object);
  return errorsFirst([
    ...identityFaultsOf(watcherResource, object).map(asError),
    ...(isObject(object) ? metadataFaults(metadata) : []),
    ...specFindings(object),
    ...(name === undefined ? [] : nameFindings(name)),
  ]);
};

/** The findings below `spec`, and those about unknown fields beside it. */
export const specFindings = (object: unknown): readonly Finding[] => {
  const { value, findings } = conform(watcherResource.schema, bodyOf(object));
  const spec = value?.spec;
  const faults = findings.map(asError);
  if (spec === undefined) return faults;
  const found = [
    ...containerFindings(spec),
    ...volumeFindings(spec),
    ...sizeFaults(spec),
    ...unreadWarnings(spec, nameIn(object)),
  ];
  const isSound = faults.every(({ path: [, field] }) => field !== "podSelector");
  return errorsFirst([
    ...faults,
    ...found.filter(({ path }) => !isTold(path, faults)),
    ...(isSound ? selectorWarnings(spec.podSelector) : []),
  ]);
};

/** Without what every kind has, and without its status, which the API server does not take from users. */
const bodyOf = (object: unknown): unknown => {
  if (!isObject(object)) return object;
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, status: _status, ...body } = object;
  return body;
};

/** Whether something is wrong there already: what was left out would be missed a second time. */
const isTold = (path: Finding["path"], faults: readonly Finding[]): boolean =>
  faults.some((fault) => path.every((step, at) => at >= fault.path.length || step === fault.path[at]));

const nameIn = (object: unknown): string | undefined => {
  const { metadata } = isObject(object) ? object : {};
  const { name } = isObject(metadata) ? metadata : {};
  return typeof name === "string" ? name : undefined;
};

/** A kubelet puts only the text of a ConfigMap into an environment. Source: its `makeEnvironmentVariables`. */
const unreadWarnings = (
  { configBinaryData = {}, volume }: WatcherSpec,
  watcher: string | undefined,
): readonly Finding[] => {
  if (Object.keys(configBinaryData).length === 0 || watcher === undefined) return [];
  const name = configMapNameOf(watcher);
  const mounted = [volume?.configMap, ...(volume?.projected?.sources ?? []).map(({ configMap }) => configMap)];
  if (mounted.some((configMap) => configMap?.name === name)) return [];
  const message = `is not in the container's environment, which has the text of a ConfigMap only: to read it, have spec.volume refer to the ConfigMap ${name}`;
  return [warning(["spec", "configBinaryData"], message)];
};

/** In bytes: the CRD can count characters only. */
const sizeFaults = (spec: WatcherSpec): readonly Finding[] => {
  const bytes = configMapBytes(spec);
  if (bytes <= MAX_CONFIG_MAP) return [];
  const message = `configData and configBinaryData hold ${bytes} bytes together, and a ConfigMap at most ${MAX_CONFIG_MAP}: shorten them`;
  return [error(["spec", "configData"], message, "FieldValueTooLong")];
};
