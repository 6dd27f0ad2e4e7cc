import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import type { RbacReference } from "../../access/bindings.ts";
import type { Coverage, LogGrant, Reader } from "../../access/readers.ts";
import { READ_LOG } from "../../access/rule.ts";
import { type Subject, subjectText } from "../../access/subject.ts";
import { MANAGED_BY } from "../../podlogreader/names.ts";

const HEADER = ["SUBJECT", "PODS", "KUBECTL LOGS", "BINDING", "ROLE", "RULE", "KEPT BY"];
/** Names of Pods in a cell at the most. */
const NAMES = 2;
const GAP = "   ";

/** The readers for people: a line for each rule of each. Empty where there are none. */
export const tableOf = (readers: readonly Reader[], pods: readonly string[]): string => {
  const rows = readers.flatMap((reader) => {
    const kubectl = kubectlTexts(reader.kubectlLogs, pods);
    return reader.grants.map((grant) => rowOf(reader.subject, grant, { pods, kubectl }));
  });
  return rows.length === 0 ? "" : aligned([HEADER, ...rows]);
};

interface RowContext {
  /** Names of all current Pods. */
  readonly pods: readonly string[];
  readonly kubectl: (grant: Coverage) => string;
}

const rowOf = (subject: Subject, grant: LogGrant, { pods, kubectl }: RowContext): readonly string[] => [
  subjectText(subject),
  podsText(grant, pods),
  kubectl(grant),
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

/** Says whether `kubectl logs POD` works for the Pods of a rule. Many rules of a reader cover the same: they are counted once. */
const kubectlTexts = (kubectlLogs: Coverage, all: readonly string[]): RowContext["kubectl"] => {
  const names = new Set(kubectlLogs.pods);
  const known = new Map<readonly string[], number>();
  const count = (pods: readonly string[]): number => {
    if (kubectlLogs.pods.length === all.length) return pods.length;
    const works = known.get(pods) ?? pods.filter((pod) => names.has(pod)).length;
    known.set(pods, works);
    return works;
  };
  return ({ everyPod, pods }) => {
    if (kubectlLogs.everyPod) return "yes";
    const works = count(pods);
    if (works === 0) return "no";
    return works === pods.length && !everyPod ? "yes" : `for ${works}`;
  };
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
  const widths = HEADER.map((_, column) => rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0));
  return rows
    .map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(GAP)}`.trimEnd())
    .map((line) => `${line}\n`)
    .join("");
};
