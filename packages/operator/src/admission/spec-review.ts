import { isDeepStrictEqual } from "node:util";
import {
  type AdmissionContext,
  type AdmissionHandler,
  type AdmissionRequest,
  type AdmissionResult,
  type AdmissionRoute,
  allow,
  type Clock,
  type Denied,
  startDeadline,
  systemClock,
  type WorkDeadline,
} from "@pcmc/controller-runtime";
import { isObject } from "../api/conform.ts";
import type { AccessReviews } from "./access-reviews.ts";
import { checkAuthor } from "./author-checks.ts";
import type { AuthorNeed } from "./author-needs.ts";
import { denial } from "./denial.ts";
import { describeFinding, type Finding, isError } from "./finding.ts";
import { ratcheted } from "./ratchet.ts";

/** By whom, and until when, an object is reviewed. */
export interface SpecContext {
  readonly user: string;
  readonly deadline: WorkDeadline;
}

/** What a kind has of its own to be reviewed by. */
export interface SpecReview {
  /** What the author must be allowed to do. `before` is `undefined` or null on create. */
  authorNeeds(object: unknown, before: unknown, namespace: string): readonly AuthorNeed[];
  /**
   * What there is to say of the object's spec.
   *
   * @throws where the webhook is at fault itself, and not the object.
   */
  specFindings(object: unknown, context: SpecContext): Promise<readonly Finding[]> | readonly Finding[];
  /** What there is to say of its name, when it is created. */
  nameFindings(name: string): readonly Finding[];
}

export interface ReviewOptions {
  /** Whether authors are asked for their rights (`AUTHOR_CHECKS`), and whom; absent: they are not. */
  readonly reviews?: AccessReviews | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * What is kept of a review's time for the refusal of an author of whom nothing could be learned: a review that is late altogether
 * counts as failed, and `failurePolicy: Ignore` lets it pass. Share of what is left, and milliseconds at the most.
 */
const MARGIN_SHARE = 0.2;
const LONGEST_MARGIN = 500;

/**
 * The validating webhook of a kind. It looks at writes that change a spec and lets all others pass, so that nothing that is
 * stored is kept from being labelled, finalized, reported on or deleted. It has no side effects.
 *
 * The author comes first, and only for one who has the rights is the spec looked at: what takes long there, which anybody can
 * send, must not keep the answer until the API server goes on without it.
 *
 * @throws what the review throws when the webhook is at fault itself.
 */
export const specReviewHandler =
  (review: SpecReview, { reviews, clock = systemClock }: ReviewOptions): AdmissionHandler =>
  async (request, context) => {
    if (!changesSpec(request)) return allow();
    const { object, oldObject, operation, namespace } = request;
    const needs = review.authorNeeds(object, oldObject, namespace);
    const refusal = reviews && (await authorRefusal(request, needs, { reviews, clock, context }));
    if (refusal !== undefined) return refusal;
    const { deadline } = context;
    const found = (await review.specFindings(object, { user: request.userInfo.username, deadline })).map(lenient);
    if (operation === "UPDATE") return answer(ratcheted(found, object, oldObject));
    return answer([...found, ...review.nameFindings(nameOf(object))]);
  };

/** The handler as it is served: a fault of ours must not block anybody, so the API server then goes on without it. */
export const specReviewRoute = (review: SpecReview, options: ReviewOptions): AdmissionRoute => ({
  handler: specReviewHandler(review, options),
  onFailure: "failurePolicy",
});

interface Questioning {
  readonly reviews: AccessReviews;
  readonly clock: Clock;
  readonly context: AdmissionContext;
}

/** The refusal of an author who lacks a right, or of whom that is not known. */
const authorRefusal = async (
  { userInfo }: AdmissionRequest,
  needs: readonly AuthorNeed[],
  { reviews, clock, context }: Questioning,
): Promise<Denied | undefined> => {
  const left = context.deadline.timeLeft;
  using deadline = startDeadline({
    clock,
    milliseconds: left - Math.min(left * MARGIN_SHARE, LONGEST_MARGIN),
    what: "the question for the author's rights",
    parent: context.deadline,
  });
  const { missing, unknown } = await checkAuthor(userInfo, needs, { reviews, deadline });
  const findings = [...missing, ...unknown];
  // A right that is missing stays missing, whatever the next try brings.
  const reason = missing.length > 0 ? "Forbidden" : "ServiceUnavailable";
  return findings.length === 0 ? undefined : denial(findings, { reason });
};

const specOf = (object: unknown): unknown => (isObject(object) ? object.spec : undefined);

const changesSpec = ({ operation, subResource, object, oldObject }: AdmissionRequest): boolean => {
  if (subResource !== "") return false;
  if (operation === "CREATE") return true;
  return operation === "UPDATE" && !isDeepStrictEqual(specOf(object), specOf(oldObject));
};

/** From the object: a request with generateName has no name, the object the one that was made up. */
const nameOf = (object: unknown): string => {
  const { metadata } = isObject(object) ? object : {};
  const { name } = isObject(metadata) ? metadata : {};
  return typeof name === "string" ? name : "";
};

/** The API server has judged which fields there are. One that only we do not know is of a newer CRD. */
const lenient = (finding: Finding): Finding =>
  finding.reason === "FieldValueForbidden"
    ? {
        ...finding,
        severity: "warning",
        message: "has no effect: this version of the controller does not know the field",
      }
    : finding;

const answer = (findings: readonly Finding[]): AdmissionResult => {
  const errors = findings.filter(isError);
  const warnings = findings.filter((finding) => !isError(finding)).map(describeFinding);
  if (errors.length === 0) return allow({ warnings });
  // What is wrong stays wrong; what could not be judged may be right.
  const reason = errors.every(({ isUnjudged }) => isUnjudged) ? "ServiceUnavailable" : "Invalid";
  return denial(errors, { reason, warnings });
};
