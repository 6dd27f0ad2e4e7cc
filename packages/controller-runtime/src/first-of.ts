import type { AbortSource } from "./deadline.ts";

/** A signal that is made of others; dispose of it when nobody listens any more. */
export interface FirstOf extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * A signal that aborts as the first of several does. When disposed of it lets go of them: what `AbortSignal.any` makes stays
 * with those that live on, some 300 bytes each time.
 */
export const firstOf = (...sources: readonly AbortSource[]): FirstOf => {
  const controller = new AbortController();
  const listeners = sources.map((source) => {
    const onAbort = () => controller.abort(source.reason);
    source.addEventListener("abort", onAbort, { once: true });
    return { source, onAbort };
  });
  const ended = sources.find(({ aborted }) => aborted);
  if (ended !== undefined) controller.abort(ended.reason);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const { source, onAbort } of listeners) source.removeEventListener("abort", onAbort);
    },
  };
};
