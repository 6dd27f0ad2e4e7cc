import type { AdmissionHandler, AdmissionRoute } from "@pcmc/controller-runtime";
import { type ReviewOptions, type SpecReview, specReviewHandler, specReviewRoute } from "../spec-review.ts";
import { watcherNeeds } from "./author-needs.ts";
import { nameFindings } from "./names.ts";
import { specFindings } from "./validate.ts";

export type WatcherHandlerOptions = ReviewOptions;

const review: SpecReview = { authorNeeds: watcherNeeds, specFindings, nameFindings };

/** The validating webhook of Watcher: see `specReviewHandler`. */
export const watcherHandler = (options: WatcherHandlerOptions): AdmissionHandler => specReviewHandler(review, options);

/** The handler as it is served. */
export const watcherRoute = (options: WatcherHandlerOptions): AdmissionRoute => specReviewRoute(review, options);
