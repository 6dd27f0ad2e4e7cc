import { skipped, type Verdict } from "./verdict.ts";

/** Something of the cluster, or why it is not known. */
export type Seen<T> =
  | { readonly kind: "seen"; readonly value: T }
  /** `needs`: the rule that is missing: `list pods in namespace default`. */
  | { readonly kind: "forbidden"; readonly needs: string }
  | { readonly kind: "unread"; readonly why: string };

export const seen = <T>(value: T): Seen<T> => ({ kind: "seen", value });

/** What there is no reason to look for. */
export const NOT_ASKED: Seen<never> = { kind: "unread", why: "there was nothing to ask" };

/** Judges what is known; what is not is skipped, with the reason and the rule that would help. */
export const judged = <T>(what: string, fact: Seen<T>, judge: (value: T) => readonly Verdict[]): readonly Verdict[] => {
  if (fact.kind === "seen") return judge(fact.value);
  return [unseen(what, fact)];
};

/** Why something is not known. */
export const unseen = (what: string, fact: Exclude<Seen<unknown>, { readonly kind: "seen" }>): Verdict => {
  if (fact.kind === "forbidden") return skipped(`${what}: you may not ${fact.needs}`, `get the right to ${fact.needs}`);
  return skipped(`${what}: ${fact.why}`);
};

/** The value, where it is known. */
export const known = <T>(fact: Seen<T>): T | undefined => (fact.kind === "seen" ? fact.value : undefined);

/** The same of what is made of it. */
export const mapped = <T, U>(fact: Seen<T>, map: (value: T) => U): Seen<U> =>
  fact.kind === "seen" ? seen(map(fact.value)) : fact;
