import type { IncomingMessage } from "node:http";
import type { Clock } from "../clock.ts";
import { type AbortSource, type Deadline, startDeadline, type WorkDeadline } from "../deadline.ts";
import { DeadlineError, describe } from "../errors.ts";
import type { Logger } from "../log.ts";
import { type AdmissionResult, deny } from "./admission-result.ts";
import { type BodyBudget, HttpRefusal } from "./request-body.ts";
import { reviewAnswer } from "./responses.ts";
import { type AdmissionRequest, parseReview, ReviewError } from "./review.ts";
import type { ReviewSlots } from "./review-slots.ts";
import { handlerTimeout } from "./review-timeout.ts";
import type { RequestObserver } from "./webhook-observer.ts";

/** What a handler gets beside the request. */
export interface AdmissionContext {
  /** Ends when there is no time left for an answer, when nobody waits for it any more, and at the end of the process. */
  readonly deadline: WorkDeadline;
  /** With the webhook's path and the request's uid. */
  readonly log: Logger;
}

/** Decides about one request. It may be asked the same again, and for dry runs: it changes nothing. */
export type AdmissionHandler = (
  request: AdmissionRequest,
  context: AdmissionContext,
) => AdmissionResult | Promise<AdmissionResult>;

export interface AdmissionRoute {
  readonly handler: AdmissionHandler;
  /**
   * What a handler that throws, or is not done in time, comes to.
   * `deny`, the default: the request is denied, code 500 or 504, as Go's controller-runtime does; whatever the webhook's
   * `failurePolicy` is.
   * `failurePolicy`: the call counts as failed (HTTP 500 or 504), so `failurePolicy: Ignore` lets the request pass. Choose it
   * for webhooks that must not block anybody by a fault of ours.
   */
  readonly onFailure?: "deny" | "failurePolicy" | undefined;
}

export interface EndpointOptions {
  readonly path: string;
  readonly route: AdmissionRoute;
  readonly bodies: BodyBudget;
  readonly slots: ReviewSlots;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: RequestObserver | undefined;
}

/** What goes back over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const JSON_TYPE = "application/json";

/** One path of an admission server: from an HTTP request to the answer, whatever comes in. */
export class AdmissionEndpoint {
  readonly #options: EndpointOptions;
  /** An API server asks with the same query every time. */
  #asked = { query: "", timeout: handlerTimeout("") };

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  /** Answers. `gone` aborts when nobody waits for it. Never rejects but for a client that went. */
  async answer(request: IncomingMessage, query: string, gone: AbortSource): Promise<HttpAnswer> {
    const { bodies, slots, clock, path } = this.#options;
    try {
      checkHeaders(request);
      // From the head of the request: the API server's time runs while the body is on its way.
      const milliseconds = this.#timeout(query);
      using deadline = startDeadline({ clock, milliseconds, what: `webhook ${path}`, parent: gone });
      using body = await bodies.read(request, deadline);
      using _slot = slots.take();
      return await this.#review(parseReview(body.bytes), deadline);
    } catch (error) {
      if (error instanceof ReviewError) return refusal(new HttpRefusal(400, error.message));
      if (error instanceof HttpRefusal) return refusal(error);
      throw error;
    }
  }

  #timeout(query: string): number {
    if (this.#asked.query !== query) this.#asked = { query, timeout: handlerTimeout(query) };
    return this.#asked.timeout;
  }

  async #review(review: AdmissionRequest, deadline: Deadline): Promise<HttpAnswer> {
    const { route, path } = this.#options;
    const log = this.#options.log.with({ webhook: path, uid: review.uid });
    const end = new End(deadline);
    try {
      const result = await Promise.race([call(route.handler, review, { deadline, log }), end.promise]);
      return { status: 200, contentType: JSON_TYPE, body: reviewAnswer(review, result) };
    } catch (error) {
      const { reason } = end;
      const isLate = reason instanceof DeadlineError;
      // Nobody waits for an answer, and that the handler gave up is no fault of its own.
      if (reason !== undefined && !isLate) throw error;
      const failure: Failure = { error: isLate ? reason : error, code: isLate ? 504 : 500 };
      return this.#failed(review, failure, log);
    }
  }

  #failed(review: AdmissionRequest, { error, code }: Failure, log: Logger): HttpAnswer {
    const { route, path, observer } = this.#options;
    const isLate = code === 504;
    const message = isLate ? describe(error) : `webhook ${path} failed: ${describe(error)}`;
    log.error(isLate ? "the admission handler took too long" : "the admission handler failed", { error });
    if (!isLate) observer?.onPanic(path);
    if (route.onFailure === "failurePolicy") return refusal(new HttpRefusal(code, message));
    const result = deny({ code, reason: isLate ? "Timeout" : "InternalError", message });
    return { status: 200, contentType: JSON_TYPE, body: reviewAnswer(review, result) };
  }
}

/**
 * The end of a review as it has come about. A deadline that is asked says that its time is over although nobody has been told yet, and
 * then an answer, or a fault, that is there all the same would be lost.
 */
class End {
  /** Rejects with the reason. */
  readonly promise: Promise<never>;
  #reason: unknown;

  constructor(deadline: Deadline) {
    const { promise, reject } = Promise.withResolvers<never>();
    // The answer may come first, and then nobody waits for this.
    promise.catch(() => {});
    this.promise = promise;
    const onEnd = () => {
      this.#reason = deadline.reason;
      reject(this.#reason);
    };
    if (deadline.aborted) onEnd();
    else deadline.addEventListener("abort", onEnd);
  }

  /** `undefined` until it has come. */
  get reason(): unknown {
    return this.#reason;
  }
}

/** Why a handler has given no result: it threw (500), or is late (504). */
interface Failure {
  readonly error: unknown;
  readonly code: 500 | 504;
}

/** The answer that a refusal is: one line of text, which the API server shows in its error. */
export const refusal = ({ status, message, headers }: HttpRefusal): HttpAnswer => ({
  status,
  contentType: "text/plain; charset=utf-8",
  body: `${message}\n`,
  headers,
});

/** What a handler throws before its first `await` is a rejection too; and it may not be written in TypeScript. */
const call = async (...[handler, request, context]: [AdmissionHandler, ...Parameters<AdmissionHandler>]) => {
  const result: unknown = await handler(request, context);
  if (isResult(result)) return result;
  throw new TypeError("the handler returned no result: it has to return allow() or deny()");
};

const isResult = (result: unknown): result is AdmissionResult =>
  typeof result === "object" && result !== null && "allowed" in result && typeof result.allowed === "boolean";

const checkHeaders = ({ method, headers }: IncomingMessage): void => {
  if (method !== "POST") throw new HttpRefusal(405, "a review comes by POST", { allow: "POST" });
  const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== JSON_TYPE) throw new HttpRefusal(415, `a review has to be ${JSON_TYPE}`);
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") throw new HttpRefusal(415, "a review has to come without content-encoding");
};
