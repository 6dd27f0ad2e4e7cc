import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import { type IsOurs, type OpenBinding, type RbacObjects, type RbacReference, resolveBindings } from "./bindings.ts";
import { Grants } from "./grants.ts";
import { intersectionOf, type Names, READ_LOG, READ_POD } from "./rule.ts";
import { compareSubjects, impliedGroups, type Subject } from "./subject.ts";

/** Which Pods something is allowed for. */
export interface Coverage {
  /** All of the namespace, those to come too. */
  readonly everyPod: boolean;
  /** The current Pods among them, in the order they were given. */
  readonly pods: readonly string[];
}

/** One rule by which somebody can read logs. */
export interface LogGrant extends Coverage {
  readonly binding: RbacReference;
  readonly role: RbacReference;
  readonly rule: PolicyRule;
  /** The group that the binding names, where it is not the reader itself: one that it is always in. */
  readonly group?: string;
}

/** Somebody whom a binding lets read logs. */
export interface Reader {
  readonly subject: Subject;
  /** By all bindings together, those of groups that the subject is always in too. */
  readonly logs: Coverage;
  /** For which of them `kubectl logs POD` works: it reads the Pod before its log. */
  readonly kubectlLogs: Coverage;
  readonly grants: readonly LogGrant[];
}

export interface Readers {
  /** By kind, namespace and name. */
  readonly readers: readonly Reader[];
  /** Bindings that may give more, now or later. */
  readonly open: readonly OpenBinding[];
}

export interface ReadersOptions {
  readonly objects: RbacObjects;
  /** Names of the current Pods. */
  readonly pods: readonly string[];
  readonly isOurs: IsOurs;
}

/**
 * Who can read the logs of Pods by RBAC: the subjects of all bindings that allow it for one of them, or for every Pod. Who is
 * in a group, Kubernetes does not know, so a Group is a reader of its own.
 */
export const readersOf = ({ objects, pods, isOurs }: ReadersOptions): Readers => {
  const { bound, open } = resolveBindings(objects, isOurs);
  const current: ReadonlySet<string> = new Set(pods);
  const logs = new Grants(bound, READ_LOG, current);
  const gets = new Grants(bound, READ_POD, current);
  const coverageOf = coverage(pods);
  const grantsOf = (subject: Subject): readonly LogGrant[] =>
    logs
      .of(subject)
      .map(({ bound: { binding, role }, rule, names }) => ({ binding, role, rule, ...coverageOf(names) }));
  const readers = logs.subjects.map((subject): Reader => {
    const names = logs.namesFor(subject);
    const inherited = impliedGroups(subject).flatMap((group) =>
      grantsOf({ kind: "Group", name: group }).map((grant) => ({ ...grant, group })),
    );
    return {
      subject,
      logs: coverageOf(names),
      kubectlLogs: coverageOf(intersectionOf(names, gets.namesFor(subject))),
      grants: [...grantsOf(subject), ...inherited],
    };
  });
  return { readers: readers.toSorted((a, b) => compareSubjects(a.subject, b.subject)), open };
};

/** Which Pods names cover. What covers the same shares one answer: there can be as many grants as Pods, or more. */
const coverage = (pods: readonly string[]): ((names: Names) => Coverage) => {
  const known = new Map<Names, Coverage>();
  return (names) => {
    const found = known.get(names);
    if (found !== undefined) return found;
    const answer =
      names === "every" ? { everyPod: true, pods } : { everyPod: false, pods: pods.filter((pod) => names.has(pod)) };
    known.set(names, answer);
    return answer;
  };
};
