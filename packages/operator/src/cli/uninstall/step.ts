import {
  type AbortSource,
  type CallOptions,
  type Client,
  type Clock,
  describe,
  ForbiddenError,
} from "@pcmc/controller-runtime";

/** What a step of the removal works with. */
export interface StepContext {
  readonly client: Client;
  readonly clock: Clock;
  /** Where the operator is installed. */
  readonly namespace: string;
  /** `look`: nothing is changed, and the result says what would be. */
  readonly mode: "look" | "do";
  /** Aborts when the time is up. */
  readonly signal: AbortSource;
}

/** What a step did, or would do. */
export interface StepResult {
  /** One line: `deleted 3 ConfigMaps`. */
  readonly said: string;
  /** What it had to leave, a line each, with what to do about it. */
  readonly left?: readonly string[];
  /** What is to be known and is no failure, a line each. */
  readonly notes?: readonly string[];
}

/** One part of the removal. Repeating it does no harm, and what is not there is no error. */
export interface Step {
  /** `agents`, `generated ConfigMaps`. */
  readonly name: string;
  /** Why nothing may come after its failure. */
  readonly isRequired?: string;
  readonly run: (context: StepContext) => Promise<StepResult>;
}

/** Of one call of a step. */
export const callOf = ({ signal }: StepContext): CallOptions => ({ signal, timeout: 15_000, retries: 3 });

/** Why a step failed, in a line; what is missing where the API server says no. */
export const failureText = (error: unknown): string => {
  const text = describe(error).split("\n", 1)[0] ?? "";
  return error instanceof ForbiddenError ? `not permitted: ${text}` : text;
};

/** `3 ConfigMaps`, `1 ConfigMap`, `2 NetworkPolicies`. */
export const counted = (count: number, noun: string): string =>
  `${count} ${count === 1 ? noun : `${noun.replace(/y$/, "ie")}s`}`;

/** Names for a line: the first ones, and how many more. */
export const someOf = (names: readonly string[], most = 5): string =>
  names.length <= most ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
