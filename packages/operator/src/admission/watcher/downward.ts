import type { ObjectFieldSelector, ResourceFieldSelector } from "kubernetes-types/core/v1.d.ts";
import { amountOf } from "../../watcher/quantity.ts";
import { error, type Finding } from "../finding.ts";

/** Where a part of a Pod is handed to its container. */
type Use = "variable" | "file";

const OF_BOTH = ["metadata.name", "metadata.namespace", "metadata.uid"];

/** What `fieldRef` can read. Source: Kubernetes' `validEnvDownwardAPIFieldPathExpressions` and the like for volumes. */
const FIELDS: Readonly<Record<Use, readonly string[]>> = {
  variable: [
    ...OF_BOTH,
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
  ],
  file: [...OF_BOTH, "metadata.labels", "metadata.annotations"],
};

const LABEL = /^metadata[.]labels\['[^']+'\]$/;
const ANNOTATION = /^metadata[.]annotations\['[^']+'\]$/;

/** What is wrong with a reference to a field of the Pod. */
export const fieldFaults = (
  { fieldPath }: ObjectFieldSelector,
  path: Finding["path"],
  use: Use,
): readonly Finding[] => {
  const isKnown = FIELDS[use].includes(fieldPath) || LABEL.test(fieldPath) || ANNOTATION.test(fieldPath);
  if (isKnown) return [];
  const known = [...FIELDS[use], "metadata.labels['<key>']", "metadata.annotations['<key>']"].join(", ");
  return [
    error([...path, "fieldPath"], `is no field that a ${use} can hold: use one of ${known}`, "FieldValueNotSupported"),
  ];
};

/** Source: Kubernetes' `validContainerResourceFieldPathExpressions`. */
const RESOURCE = /^(?:limits|requests)[.](cpu|memory|ephemeral-storage|hugepages-.+)$/;

const BYTES = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
/** Source: Kubernetes' `validContainerResourceDivisorForCPU` and the like. */
const divisorsOf = (resource: string): readonly string[] => (resource === "cpu" ? ["1", "1m"] : BYTES);

/** What is wrong with a reference to a request or a limit. */
export const resourceFaults = (
  { resource, divisor }: ResourceFieldSelector,
  path: Finding["path"],
): readonly Finding[] => {
  const [, name] = RESOURCE.exec(resource) ?? [];
  if (name === undefined) {
    const message =
      "is no resource of a container: use limits or requests, a dot, and cpu, memory or ephemeral-storage";
    return [error([...path, "resource"], message, "FieldValueNotSupported")];
  }
  const divisors = divisorsOf(name);
  const amount = amountOf(divisor ?? "0");
  // None, and nothing, is 1.
  if (amount === 0 || divisors.some((known) => amountOf(known) === amount)) return [];
  return [error([...path, "divisor"], `must be one of ${divisors.join(", ")}`)];
};
