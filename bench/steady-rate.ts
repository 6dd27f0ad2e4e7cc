import { Agent } from "node:https";
import { send } from "../packages/controller-runtime/test/webhook/rig.ts";

/** Seconds at the same rate before anything counts: the first requests compile the code, and start the workers. */
const WARM_UP = 5;
/** Connections, as a busy API server has them. */
const CONNECTIONS = 8;

export interface Steady {
  readonly port: number;
  readonly ca: string;
  readonly path: string;
  /** The bodies to send, in turn. */
  readonly reviews: readonly string[];
  /** Reviews a second. */
  readonly rate: number;
  readonly seconds: number;
  /** Whether the answer to that review is the one that is expected. Default: any. */
  readonly isRight?: ((answer: string, review: number) => boolean) | undefined;
  /** Is called when the warm-up is over, and waited for. */
  readonly onWarm?: (() => Promise<void>) | undefined;
}

/** How many reviews that takes, the warm-up included. */
export const sentAt = (rate: number, seconds: number): number => rate * (seconds + WARM_UP);

/**
 * Sends reviews at a steady rate, whether or not the ones before have been answered: who waits for an answer before the next
 * question does not see the ones that a slow answer holds up.
 *
 * @returns milliseconds of each after the warm-up, and how many of all were not answered as they should.
 */
export const atSteadyRate = async (load: Steady) => {
  const { port, ca, path, reviews, rate, seconds, isRight = () => true, onWarm } = load;
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  let failures = 0;
  const ask = async (number: number): Promise<number> => {
    const start = performance.now();
    const index = number % reviews.length;
    const answer = await send(port, ca, { path, body: reviews[index] ?? "", agent }).catch(() => undefined);
    const took = performance.now() - start;
    if (answer?.status !== 200 || !isRight(answer.text, index)) failures += 1;
    return took;
  };
  const asked: Promise<number>[] = [];
  let start = performance.now();
  for (let i = 0; i < sentAt(rate, seconds); i++) {
    if (i === rate * WARM_UP && onWarm !== undefined) {
      const pause = performance.now();
      await onWarm();
      start += performance.now() - pause;
    }
    const wait = start + (i / rate) * 1_000 - performance.now();
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    asked.push(ask(i));
  }
  const latencies = (await Promise.all(asked)).slice(rate * WARM_UP);
  agent.destroy();
  return { latencies, failures };
};
