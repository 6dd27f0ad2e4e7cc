import { isUtf8 } from "node:buffer";
import type { UserInfo } from "kubernetes-types/authentication/v1.d.ts";
import { JsonReader, JsonSyntaxError, planAll } from "../decode/json-reader.ts";
import { parsePlainJson } from "../decode/plain-json.ts";

/** `metav1.GroupVersionKind` */
export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** `metav1.GroupVersionResource` */
export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** Who asks, as authentication has found. */
export type RequestingUser = UserInfo & { readonly username: string; readonly groups: readonly string[] };

/** An object of the API, of which nothing has been checked. Integers beyond 2^53 are `bigint`. */
export type UncheckedObject = Readonly<Record<string, unknown>>;

/**
 * What the API server asks about (https://pkg.go.dev/k8s.io/api/admission/v1#AdmissionRequest). The envelope has been
 * checked; the objects in it have not.
 */
export interface AdmissionRequest {
  readonly uid: string;
  /** What the objects here are; `requestKind` is what the client sent, where `matchPolicy: Equivalent` has converted it. */
  readonly kind: GroupVersionKind;
  readonly resource: GroupVersionResource;
  /** `status`, `scale`; empty = the object itself. */
  readonly subResource: string;
  readonly requestKind: GroupVersionKind | undefined;
  readonly requestResource: GroupVersionResource | undefined;
  readonly requestSubResource: string;
  /** Empty on a create that leaves the name to the server. */
  readonly name: string;
  /** Empty for what is cluster-scoped. */
  readonly namespace: string;
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly userInfo: RequestingUser;
  /** Absent on DELETE. */
  readonly object: UncheckedObject | undefined;
  /** Absent on CREATE and CONNECT. */
  readonly oldObject: UncheckedObject | undefined;
  readonly dryRun: boolean;
  /** `CreateOptions` and the like. */
  readonly options: UncheckedObject | undefined;
}

/** A body that is no review. The message is one line that says why not. */
export class ReviewError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ReviewError";
  }
}

const API_VERSION = "admission.k8s.io/v1";
const OPERATIONS = ["CREATE", "UPDATE", "DELETE", "CONNECT"] as const;
/** As long as any uid, by far; it is echoed and logged. */
const LONGEST_UID = 256;

const reader = new JsonReader();

/** Reads the request out of an `AdmissionReview` of admission.k8s.io/v1. @throws ReviewError for everything else. */
export const parseReview = (body: Buffer): AdmissionRequest => {
  const review = objectIn("AdmissionReview", parseJson(body));
  if (review.kind !== "AdmissionReview" || review.apiVersion !== API_VERSION) {
    const found = `${shown(review.apiVersion)} ${shown(review.kind)}`;
    throw new ReviewError(`expected an AdmissionReview of ${API_VERSION}, found ${found}`);
  }
  const request = objectIn("request", review.request);
  const uid = textIn("request.uid", request.uid);
  if (uid === "" || uid.length > LONGEST_UID) throw new ReviewError("request.uid is empty or too long");
  return {
    uid,
    kind: kindIn("request.kind", request.kind),
    resource: resourceIn("request.resource", request.resource),
    subResource: optionalText("request.subResource", request.subResource),
    requestKind: optional(request.requestKind, (kind) => kindIn("request.requestKind", kind)),
    requestResource: optional(request.requestResource, (kind) => resourceIn("request.requestResource", kind)),
    requestSubResource: optionalText("request.requestSubResource", request.requestSubResource),
    name: optionalText("request.name", request.name),
    namespace: optionalText("request.namespace", request.namespace),
    operation: operationIn(request.operation),
    userInfo: userIn(request.userInfo),
    object: optional(request.object, (object) => objectIn("request.object", object)),
    oldObject: optional(request.oldObject, (object) => objectIn("request.oldObject", object)),
    dryRun: request.dryRun === true,
    options: optional(request.options, (options) => objectIn("request.options", options)),
  };
};

const parseJson = (body: Buffer): unknown => {
  if (!isUtf8(body)) throw new ReviewError("the body is not UTF-8");
  try {
    return parsePlainJson(body) ?? reader.read(body, planAll);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new ReviewError(error.message);
    throw error;
  }
};

const isObject = (value: unknown): value is UncheckedObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const objectIn = (field: string, value: unknown): UncheckedObject => {
  if (!isObject(value)) throw new ReviewError(`${field} has to be an object, not ${typeOf(value)}`);
  return value;
};

const textIn = (field: string, value: unknown): string => {
  if (typeof value !== "string") throw new ReviewError(`${field} has to be a string, not ${typeOf(value)}`);
  return value;
};

/** Go writes what is not set as null, as an empty value, or not at all. */
const optional = <T>(value: unknown, read: (value: unknown) => T): T | undefined =>
  value === undefined || value === null ? undefined : read(value);

const optionalText = (field: string, value: unknown): string => optional(value, (text) => textIn(field, text)) ?? "";

const kindIn = (field: string, value: unknown): GroupVersionKind => {
  const { group, version, kind } = objectIn(field, value);
  return {
    group: optionalText(`${field}.group`, group),
    version: textIn(`${field}.version`, version),
    kind: textIn(`${field}.kind`, kind),
  };
};

const resourceIn = (field: string, value: unknown): GroupVersionResource => {
  const { group, version, resource } = objectIn(field, value);
  return {
    group: optionalText(`${field}.group`, group),
    version: textIn(`${field}.version`, version),
    resource: textIn(`${field}.resource`, resource),
  };
};

const operationIn = (value: unknown): AdmissionRequest["operation"] => {
  const operation = OPERATIONS.find((each) => each === value);
  if (operation === undefined) throw new ReviewError(`request.operation has to be one of ${OPERATIONS.join(" ")}`);
  return operation;
};

const userIn = (value: unknown): RequestingUser => {
  const { username, uid, groups, extra } = objectIn("request.userInfo", value);
  return {
    username: optionalText("request.userInfo.username", username),
    groups: optional(groups, (list) => textsIn("request.userInfo.groups", list)) ?? [],
    ...(optional(uid, (text) => ({ uid: textIn("request.userInfo.uid", text) })) ?? {}),
    ...(optional(extra, (fields) => ({ extra: extraIn(fields) })) ?? {}),
  };
};

const extraIn = (value: unknown): Record<string, string[]> => {
  const field = "request.userInfo.extra";
  const entries = Object.entries(objectIn(field, value));
  return Object.fromEntries(
    entries.map(([name, list]) => [name, optional(list, (texts) => textsIn(field, texts)) ?? []]),
  );
};

const textsIn = (field: string, value: unknown): string[] => {
  if (!Array.isArray(value)) throw new ReviewError(`${field} has to be a list, not ${typeOf(value)}`);
  return value.map((each) => textIn(field, each));
};

const typeOf = (value: unknown): string => {
  if (value === undefined || value === null) return "nothing";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
};

/** A value of an unknown sender in a message. */
const shown = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value.slice(0, 64)) : typeOf(value);
