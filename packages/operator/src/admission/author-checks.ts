import { type Deadline, describe, ForbiddenError, resourceName } from "@pcmc/controller-runtime";
import type { Access, AccessReviews, UserInfo } from "./access-reviews.ts";
import type { AuthorNeed } from "./author-needs.ts";
import type { Finding } from "./finding.ts";

/** What came of asking for the author's rights. */
export interface AuthorVerdict {
  /** Rights that the author does not have. */
  readonly missing: readonly Finding[];
  /** Rights that could not be asked about. */
  readonly unknown: readonly Finding[];
}

const nameOf = ({ verb, group, resource, namespace }: Access): string => {
  const name = resourceName({
    apiVersion: group === "" ? "v1" : `${group}/v1`,
    kind: "",
    plural: resource,
    namespaced: true,
  });
  return `"${verb}" on ${name} in namespace ${namespace}`;
};

const finding = ({ path }: AuthorNeed, message: string): Finding => ({
  severity: "error",
  path,
  message,
  reason: "FieldValueForbidden",
});

const missing = (need: AuthorNeed, { username = "the author" }: UserInfo): Finding => {
  const message = `${username} needs the right ${nameOf(need.access)}, because ${need.why}: ask an administrator for it, or leave the field as it was`;
  return finding(need, message);
};

const unknown = (need: AuthorNeed, error: unknown): Finding => {
  const advice =
    error instanceof ForbiddenError
      ? "grant the controller create on subjectaccessreviews.authorization.k8s.io, or set AUTHOR_CHECKS=false"
      : "try again";
  const message = `could not ask whether the author has the right ${nameOf(need.access)}, because ${need.why}: ${advice} (${describe(error)})`;
  return finding(need, message);
};

const isKnown = (answer: boolean | Promise<boolean>): answer is boolean => typeof answer === "boolean";

/** Rejects with the deadline's reason when it ends. */
const endOf = (deadline: Deadline): Promise<never> => {
  const { promise, reject } = Promise.withResolvers<never>();
  if (deadline.aborted) reject(deadline.reason);
  else deadline.addEventListener("abort", () => reject(deadline.reason));
  return promise;
};

export interface AuthorCheckOptions {
  readonly reviews: Pick<AccessReviews, "allows">;
  /** Ends the waiting for answers, so early that a refusal still reaches the API server. */
  readonly deadline: Deadline;
}

/**
 * Asks for all rights at once.
 *
 * A question without an answer is no yes: the write is refused, and says why. Otherwise whoever can keep the API server busy
 * could get past the check; and refusing costs little, because it is that same API server that waits for our answer. Writes
 * that need no right are not held up. (No webhook at all is another matter: then nothing is checked, `failurePolicy: Ignore`.)
 */
export const checkAuthor = async (
  user: UserInfo,
  needs: readonly AuthorNeed[],
  { reviews, deadline }: AuthorCheckOptions,
): Promise<AuthorVerdict> => {
  if (needs.length === 0) return { missing: [], unknown: [] };
  const asked = needs.map(({ access }) => reviews.allows(user, access));
  // Mostly all is known from before, and then there is nothing to wait for.
  const late = asked.every(isKnown) ? undefined : endOf(deadline);
  const answers = await Promise.allSettled(late === undefined ? asked : asked.map((one) => Promise.race([one, late])));
  const verdict: { missing: Finding[]; unknown: Finding[] } = { missing: [], unknown: [] };
  for (const [index, need] of needs.entries()) {
    const answer = answers[index];
    if (answer?.status === "rejected") verdict.unknown.push(unknown(need, answer.reason));
    else if (answer?.value !== true) verdict.missing.push(missing(need, user));
  }
  return verdict;
};
