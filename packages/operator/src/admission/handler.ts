import type { AdmissionHandler, AdmissionRoute } from "@pcmc/controller-runtime";
import { authorNeeds } from "./author-needs.ts";
import { nameWarnings } from "./name-warnings.ts";
import { type ReviewOptions, type SpecReview, specReviewHandler, specReviewRoute } from "./spec-review.ts";
import type { TemplateEngine } from "./template-engine.ts";
import { specFindings } from "./validate.ts";

export interface HandlerOptions extends ReviewOptions {
  readonly engine: TemplateEngine;
}

/**
 * Of the time that is left. Templates may take three times that in all (`TemplateDeps`), and the answer has to be on its way in time:
 * a review that is late lets pass what it was about.
 */
const PARSE_SHARE = 0.25;

const reviewOf = (engine: TemplateEngine): SpecReview => ({
  authorNeeds,
  specFindings: (object, end) => specFindings(object, { engine, signal: end, parseTime: end.timeLeft * PARSE_SHARE }),
  nameFindings: nameWarnings,
});

/**
 * The validating webhook of PodConfigMapConfig: see `specReviewHandler`.
 *
 * @throws what the engine throws when it is at fault itself.
 */
export const podConfigMapConfigHandler = ({ engine, ...options }: HandlerOptions): AdmissionHandler =>
  specReviewHandler(reviewOf(engine), options);

/** The handler as it is served. */
export const podConfigMapConfigRoute = ({ engine, ...options }: HandlerOptions): AdmissionRoute =>
  specReviewRoute(reviewOf(engine), options);
