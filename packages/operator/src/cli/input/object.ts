import { isObject } from "../../api/conform.ts";
import type { CustomResource } from "../../api/crd.ts";
import { podConfigMapConfigResource as resource } from "../../api/podconfigmapconfig.ts";
import { type Manifest, type Path, placeText } from "./manifest.ts";

/** What of an object cannot be, as the API server would say; in the words of `Finding`. */
export interface ObjectFault {
  readonly path: Path;
  readonly message: string;
}

/** `apiVersion` and `kind` of an object, empty where it has none. */
export const typeOf = ({ value }: Manifest): { readonly apiVersion: string; readonly kind: string } => {
  const { apiVersion, kind } = isObject(value) ? value : {};
  return { apiVersion: text(apiVersion), kind: text(kind) };
};

/** `Pod web-0`, for messages. */
export const nameOf = (manifest: Manifest): string => {
  const { kind } = typeOf(manifest);
  const { name, generateName } = metadataOf(manifest);
  return [kind || "an object without a kind", text(name) || text(generateName)].filter(Boolean).join(" ");
};

/** `metadata`, empty where there is none. */
export const metadataOf = ({ value }: Manifest): Readonly<Record<string, unknown>> => {
  const metadata = isObject(value) ? value.metadata : undefined;
  return isObject(metadata) ? metadata : {};
};

/** `value` where it is a text, else empty. */
export const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** Whether an object is of a kind, or meant to be: misspelt. */
export const isMeantAs = (manifest: Manifest, { kind, group }: Pick<CustomResource, "kind" | "group">): boolean => {
  const given = typeOf(manifest);
  return given.kind.toLowerCase() === kind.toLowerCase() || given.apiVersion.startsWith(`${group}/`);
};

/** Whether an object is a PodConfigMapConfig, or meant to be one: misspelt, or without a kind. */
export const isMeantForUs = (manifest: Manifest): boolean =>
  typeOf(manifest).kind === "" || isMeantAs(manifest, resource);

/** Says that an object is none of our business. */
export const passedOver = (manifest: Manifest, ours: string = resource.kind): string =>
  `${placeText(manifest.place([]))}: ${nameOf(manifest)} is passed over: it is no ${ours}`;
