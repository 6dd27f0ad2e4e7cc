import { availableParallelism } from "node:os";
import {
  type AdmissionHandler,
  type AdmissionRoute,
  type Clock,
  startDeadline,
  systemClock,
  untilAborted,
} from "@pcmc/controller-runtime";
import { authorNeeds } from "./author-needs.ts";
import { FairLimit } from "./fair-limit.ts";
import { nameWarnings } from "./name-warnings.ts";
import { type ReviewOptions, type SpecReview, specReviewHandler, specReviewRoute } from "./spec-review.ts";
import type { TemplateEngine } from "./template-engine.ts";
import { specFindings } from "./validate.ts";

export interface HandlerOptions extends ReviewOptions {
  readonly engine: TemplateEngine;
}

/**
 * Of the time that is left when its templates are come to, for all that is done with them: the answer has to be on its way in time,
 * as a review that is late lets pass what it was about.
 */
const TEMPLATE_SHARE = 0.8;

/** The same, for parsing to run: with a template that is late, the others get as much once more, and there may be a wait before. */
const PARSE_SHARE = 0.25;

/** Milliseconds that parsing may run, however long a review may take: the manager gives it more (`PARSE_DEADLINE`). */
const LONGEST_PARSE = 1_500;

const reviewOf = (engine: TemplateEngine, clock: Clock): SpecReview => {
  // Nobody's templates keep all others' waiting: of a user's there are no more than workers.
  const fair = new FairLimit({
    all: Number.POSITIVE_INFINITY,
    perUser: availableParallelism(),
    waiting: Number.POSITIVE_INFINITY,
  });
  return {
    authorNeeds,
    specFindings: async (object, { deadline, user }) => {
      const left = deadline.timeLeft;
      const milliseconds = left * TEMPLATE_SHARE;
      using end = startDeadline({ clock, milliseconds, what: "parsing the templates", parent: deadline });
      const inTurn: TemplateEngine = {
        compileAll: (...work) => {
          // Whose time is over by then takes none from others.
          const compile = async () => (end.aborted ? Promise.reject(end.reason) : engine.compileAll(...work));
          return untilAborted(fair.run(user, compile), end);
        },
      };
      const parseTime = Math.min(left * PARSE_SHARE, LONGEST_PARSE);
      return await specFindings(object, { engine: inTurn, end, parseTime });
    },
    nameFindings: nameWarnings,
  };
};

/**
 * The validating webhook of PodConfigMapConfig: see `specReviewHandler`.
 *
 * @throws what the engine throws when it is at fault itself.
 */
export const podConfigMapConfigHandler = ({ engine, ...options }: HandlerOptions): AdmissionHandler =>
  specReviewHandler(reviewOf(engine, options.clock ?? systemClock), options);

/** The handler as it is served. */
export const podConfigMapConfigRoute = ({ engine, ...options }: HandlerOptions): AdmissionRoute =>
  specReviewRoute(reviewOf(engine, options.clock ?? systemClock), options);
