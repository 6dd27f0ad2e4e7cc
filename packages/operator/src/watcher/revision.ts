import { digestOf } from "@pcmc/controller-runtime";
import type { WatcherSpec } from "../api/watcher.ts";

/**
 * A short hash of what a Watcher injects, its ConfigMap included: 16 characters, none of which is `=` or `,`. Equal for specs that
 * differ only in the order of fields, or in saying what is the default. What decides who gets it (`podSelector`, `rollout`) has
 * no part in it, and neither has the version of the API server.
 */
export const revisionOf = ({
  container,
  volume,
  imagePullSecrets,
  injectAs = "Auto",
  configData,
  configBinaryData,
}: WatcherSpec): string =>
  digestOf(withoutEmpty({ container, volume, imagePullSecrets, injectAs, configData, configBinaryData }));

/** An empty map is none; inside the container it may mean something, and stays. */
const withoutEmpty = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);
