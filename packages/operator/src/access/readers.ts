import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import {
  type Bound,
  type IsOurs,
  type OpenBinding,
  type RbacObjects,
  type RbacReference,
  resolveBindings,
} from "./bindings.ts";
import { intersectionOf, type Names, namesOf, type PodAction, READ_LOG, READ_POD, unionOf } from "./rule.ts";
import { compareSubjects, impliedGroups, type Subject, subjectText } from "./subject.ts";

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
  const logs = grantsOf(bound, READ_LOG);
  const gets = grantsOf(bound, READ_POD);
  const readers = [...logs.values()].flatMap(([first]): Reader[] => {
    if (first === undefined) return [];
    const { subject } = first;
    const own = logGrants(logs, { subject, pods });
    if (own.length === 0) return [];
    const inherited = impliedGroups(subject).flatMap((group) =>
      logGrants(logs, { subject: { kind: "Group", name: group }, pods }).map((grant) => ({ ...grant, group })),
    );
    const names = namesFor(logs, subject);
    return [
      {
        subject,
        logs: coverageOf(names, pods),
        kubectlLogs: coverageOf(intersectionOf(names, namesFor(gets, subject)), pods),
        grants: [...own, ...inherited],
      },
    ];
  });
  return { readers: readers.toSorted((a, b) => compareSubjects(a.subject, b.subject)), open };
};

/** What one rule gives one subject. */
interface Grant {
  readonly subject: Subject;
  readonly bound: Bound;
  readonly rule: PolicyRule;
  readonly names: Names;
}

/** By `subjectText`. */
type Grants = ReadonlyMap<string, readonly Grant[]>;

const grantsOf = (bound: readonly Bound[], action: PodAction): Grants => {
  const grants = bound.flatMap((one) =>
    one.rules.flatMap((rule) => {
      const names = namesOf(rule, action);
      return names === undefined ? [] : one.subjects.map((subject) => ({ subject, bound: one, rule, names }));
    }),
  );
  return Map.groupBy(grants, ({ subject }) => subjectText(subject));
};

const logGrants = (
  grants: Grants,
  { subject, pods }: { readonly subject: Subject; readonly pods: readonly string[] },
): readonly LogGrant[] =>
  (grants.get(subjectText(subject)) ?? []).flatMap(({ bound: { binding, role }, rule, names }) => {
    const coverage = coverageOf(names, pods);
    return coverage.everyPod || coverage.pods.length > 0 ? [{ binding, role, rule, ...coverage }] : [];
  });

const namesFor = (grants: Grants, subject: Subject): Names => {
  const groups = impliedGroups(subject).map((name): Subject => ({ kind: "Group", name }));
  return unionOf([subject, ...groups].flatMap((one) => (grants.get(subjectText(one)) ?? []).map(({ names }) => names)));
};

const coverageOf = (names: Names, pods: readonly string[]): Coverage =>
  names === "every" ? { everyPod: true, pods } : { everyPod: false, pods: pods.filter((pod) => names.has(pod)) };
