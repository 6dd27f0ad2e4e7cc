import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import type { Bound } from "./bindings.ts";
import { type Names, namesOf, type PodAction, unionOf } from "./rule.ts";
import { impliedGroups, type Subject, subjectText } from "./subject.ts";

/** What one rule gives one subject. */
export interface Grant {
  readonly subject: Subject;
  readonly bound: Bound;
  readonly rule: PolicyRule;
  /** Current Pods, at least one, or every Pod. */
  readonly names: Names;
}

/** Who may do one thing to Pods. Thousands of bindings can name one role of thousands of names: each rule is read once. */
export class Grants {
  readonly #bySubject: ReadonlyMap<string, readonly Grant[]>;
  /** What somebody may do by groups alone, by the names of these: few lists of groups are those of all subjects. */
  readonly #byGroups = new Map<string, Names>();

  /** `current`: names of the current Pods; others do not count. */
  constructor(bound: readonly Bound[], action: PodAction, current: ReadonlySet<string>) {
    const known = new Map<PolicyRule, Names | undefined>();
    const currentNames = (rule: PolicyRule): Names | undefined => {
      if (!known.has(rule)) known.set(rule, within(current, namesOf(rule, action)));
      return known.get(rule);
    };
    const grants = bound.flatMap((one) =>
      one.rules.flatMap((rule) => {
        const names = currentNames(rule);
        return names === undefined ? [] : one.subjects.map((subject): Grant => ({ subject, bound: one, rule, names }));
      }),
    );
    this.#bySubject = Map.groupBy(grants, ({ subject }) => subjectText(subject));
  }

  /** Whoever is named by a binding that allows it. */
  get subjects(): readonly Subject[] {
    return [...this.#bySubject.values()].flatMap(([first]) => (first === undefined ? [] : [first.subject]));
  }

  /** By bindings that name the subject itself. */
  of(subject: Subject): readonly Grant[] {
    return this.#bySubject.get(subjectText(subject)) ?? [];
  }

  /** By all bindings, those for groups that the subject is always in too. */
  namesFor(subject: Subject): Names {
    const own = this.of(subject).map(({ names }) => names);
    return unionOf([...own, this.#ofGroups(impliedGroups(subject))]);
  }

  #ofGroups(groups: readonly string[]): Names {
    const key = groups.join("\n");
    const known = this.#byGroups.get(key);
    if (known !== undefined) return known;
    const names = unionOf(groups.flatMap((name) => this.of({ kind: "Group", name }).map((grant) => grant.names)));
    this.#byGroups.set(key, names);
    return names;
  }
}

/** The names that are current; the very set `current` where all are, so that it is compared at once. */
const within = (current: ReadonlySet<string>, names: Names | undefined): Names | undefined => {
  if (names === undefined || names === "every") return names;
  const some = current.intersection(names);
  if (some.size === 0) return undefined;
  return some.size === current.size ? current : some;
};
