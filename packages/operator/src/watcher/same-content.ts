import { isObject } from "../api/conform.ts";
import { amountOf } from "./quantity.ts";

/**
 * Whether a container or volume that a Pod has is one that we would add. The API server has already put its defaults into the
 * Pod's, and the mount of the service account's token: these are no difference, nor is an empty value against none.
 */
export const isSameContent = (wanted: unknown, present: unknown): boolean => {
  if (Array.isArray(wanted) || Array.isArray(present)) return sameLists(wanted ?? [], present ?? []);
  if (isObject(wanted) || isObject(present)) return sameFields(wanted ?? {}, present ?? {});
  return wanted === present;
};

const sameLists = (wanted: unknown, present: unknown): boolean =>
  Array.isArray(wanted) &&
  Array.isArray(present) &&
  wanted.length === present.length &&
  wanted.every((item, at) => isSameContent(item, present[at]));

const sameFields = (wanted: unknown, present: unknown): boolean => {
  if (!isObject(wanted) || !isObject(present)) return false;
  return [...new Set([...Object.keys(wanted), ...Object.keys(present)])].every((field) => {
    const compare = BY_FIELD[field];
    if (compare !== undefined) return compare(wanted[field], present[field]);
    if (isEmpty(wanted[field])) return isEmpty(present[field]) || isDefault(field, present[field]);
    return isSameContent(wanted[field], present[field]);
  });
};

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === "" ||
  value === 0 ||
  value === false ||
  (typeof value === "object" && Object.values(value).every(isEmpty));

/**
 * What the API server writes into a Pod where nothing is said, by the name of the field, wherever it stands. Source:
 * https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/apis/core/v1/defaults.go and the defaults in k8s.io/api.
 */
const DEFAULTS: Readonly<Record<string, readonly unknown[]>> = {
  apiVersion: ["v1"],
  defaultMode: [420],
  expirationSeconds: [3600],
  failureThreshold: [3],
  imagePullPolicy: ["Always", "IfNotPresent"],
  path: ["/"],
  periodSeconds: [10],
  procMount: ["Default"],
  protocol: ["TCP"],
  pullPolicy: ["Always", "IfNotPresent"],
  scheme: ["HTTP"],
  successThreshold: [1],
  terminationMessagePath: ["/dev/termination-log"],
  terminationMessagePolicy: ["File"],
  timeoutSeconds: [1],
  volumeMode: ["Filesystem"],
};

const isDefault = (field: string, value: unknown): boolean => DEFAULTS[field]?.includes(value) ?? false;

/** Where the ServiceAccount admission plugin mounts the token, in each container that has nothing there. */
const TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";

const withoutToken = (mounts: unknown): unknown =>
  Array.isArray(mounts) ? mounts.filter((mount) => !isObject(mount) || mount.mountPath !== TOKEN_PATH) : mounts;

/** Amounts are equal however they are written, and requests that are not given are the limits. */
const sameResources = (wanted: unknown, present: unknown): boolean => {
  const [ours, theirs] = [wanted, present].map((value) => (isObject(value) ? value : {})) as [Fields, Fields];
  const { requests: ourRequests, limits: ourLimits, ...ourOthers } = ours;
  const { requests: theirRequests, limits: theirLimits, ...theirOthers } = theirs;
  return (
    sameAmounts(ourLimits, theirLimits) &&
    sameAmounts(
      { ...asFields(ourLimits), ...asFields(ourRequests) },
      { ...asFields(theirLimits), ...asFields(theirRequests) },
    ) &&
    isSameContent(ourOthers, theirOthers)
  );
};

type Fields = Readonly<Record<string, unknown>>;
const asFields = (value: unknown): Fields => (isObject(value) ? value : {});

const sameAmounts = (wanted: unknown, present: unknown): boolean => {
  const [ours, theirs] = [asFields(wanted), asFields(present)];
  const names = Object.keys(ours);
  return (
    names.length === Object.keys(theirs).length &&
    names.every((name) => Object.hasOwn(theirs, name) && amountOf(ours[name]) === amountOf(theirs[name]))
  );
};

/** Fields that are compared in a way of their own. */
const BY_FIELD: Readonly<Record<string, (wanted: unknown, present: unknown) => boolean>> = {
  resources: sameResources,
  sizeLimit: (wanted, present) => amountOf(wanted) === amountOf(present),
  volumeMounts: (wanted, present) => isSameContent(withoutToken(wanted), withoutToken(present)),
};
