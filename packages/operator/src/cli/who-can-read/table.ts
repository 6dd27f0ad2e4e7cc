import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import type { RbacReference } from "../../access/bindings.ts";
import type { Coverage, LogGrant, Reader } from "../../access/readers.ts";
import { READ_LOG } from "../../access/rule.ts";
import { subjectText } from "../../access/subject.ts";
import { MANAGED_BY } from "../../podlogreader/names.ts";

const HEADER = ["SUBJECT", "PODS", "KUBECTL LOGS", "BINDING", "ROLE", "RULE", "KEPT BY"];
/** Names of Pods in a cell at the most. */
const NAMES = 2;
const GAP = "   ";

/** The readers for people: a line for each rule of each. Empty where there are none. */
export const tableOf = (readers: readonly Reader[], pods: readonly string[]): string => {
  const rows = readers.flatMap((reader) => reader.grants.map((grant) => rowOf(reader, grant, pods)));
  return rows.length === 0 ? "" : aligned([HEADER, ...rows]);
};

const rowOf = ({ subject, kubectlLogs }: Reader, grant: LogGrant, pods: readonly string[]): readonly string[] => [
  subjectText(subject),
  podsText(grant, pods),
  kubectlText(grant, kubectlLogs),
  referenceText(grant.binding) + (grant.group === undefined ? "" : ` (as ${grant.group})`),
  referenceText(grant.role),
  ruleText(grant.rule),
  keptBy(grant),
];

const podsText = ({ everyPod, pods }: Coverage, all: readonly string[]): string => {
  if (everyPod) return "every Pod";
  if (pods.length === all.length) return `all ${all.length}`;
  const more = pods.length > NAMES ? ", ..." : "";
  return `${pods.length} of ${all.length}: ${pods.slice(0, NAMES).join(", ")}${more}`;
};

/** Whether `kubectl logs POD` works for the Pods of a rule. */
const kubectlText = (grant: Coverage, kubectlLogs: Coverage): string => {
  if (kubectlLogs.everyPod) return "yes";
  const works = grant.pods.filter((pod) => kubectlLogs.pods.includes(pod)).length;
  if (works === 0) return "no";
  return works === grant.pods.length && !grant.everyPod ? "yes" : `for ${works}`;
};

/** @example "RoleBinding shop/readers" */
export const referenceText = ({ kind, namespace, name }: RbacReference): string =>
  namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;

/** What of a rule allows it: `get pods/log`, `* *`. */
const ruleText = ({ verbs, resources = [], apiGroups = [] }: PolicyRule): string => {
  const { verb, resource } = READ_LOG;
  const text = `${matching(verbs, verb)} ${matching(resources, resource, "*/log")}`;
  return apiGroups.includes("") ? text : `${text} (apiGroups *)`;
};

/** The narrowest that is there. */
const matching = (given: readonly string[], ...narrow: readonly string[]): string =>
  narrow.find((one) => given.includes(one)) ?? "*";

const keptBy = ({ binding, role }: LogGrant): string => {
  const ours = [binding, role].filter((one) => one.ours);
  if (ours.length === 0) return "";
  return ours.length === 2 ? MANAGED_BY.value : `${MANAGED_BY.value} (${ours.map(({ kind }) => kind).join()})`;
};

const aligned = (rows: readonly (readonly string[])[]): string => {
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(GAP)}`.trimEnd())
    .map((line) => `${line}\n`)
    .join("");
};
