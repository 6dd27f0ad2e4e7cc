import { parseKey } from "../../src/object.ts";
import type { AddOptions, QueueItem } from "../../src/queue/work-queue.ts";

/** The defaults of the backoff, said again: a test of the code must not read them from the code. */
const QUICK_WAITS = [50, 100, 200, 400, 800];
const CAP = 30_000;
const CALM = 60_000;
const FRESH_INTERVAL = 1_000;

/** What there is to know of one key. */
class KeyModel {
  priority = 0;
  /** Times asked for by plain adds since it was handed out. */
  asked: number[] = [];
  /** Times of planned retries since it was handed out. */
  retries: number[] = [];
  processingSince: number | undefined = undefined;
  /** When it got in line. */
  linedUpAt: number | undefined = undefined;
  attempts = 0;
  troubleAt = Number.NEGATIVE_INFINITY;
  notFreshBefore = Number.NEGATIVE_INFINITY;

  get retryAt(): number {
    return Math.min(...this.retries);
  }

  /** When it is due; Infinity when nobody wants it. */
  get dueAt(): number {
    const asked = Math.min(...this.asked);
    if (this.retries.length === 0) return asked;
    return Math.min(this.retryAt, Math.max(asked, this.notFreshBefore));
  }
}

/**
 * The work queue as one would explain it: every question is answered by looking through all keys. It does not say which of
 * several keys comes first, but which may come.
 */
export class QueueModel {
  readonly #keys = new Map<string, KeyModel>();

  add(name: string, now: number, options: AddOptions): void {
    const { priority = 0, after = 0, rateLimited = false } = options;
    const key = this.#keys.get(name) ?? new KeyModel();
    this.#keys.set(name, key);
    const wanted = key.dueAt < Number.POSITIVE_INFINITY;
    if (!wanted || priority > key.priority) {
      key.priority = priority;
      if (key.linedUpAt !== undefined) key.linedUpAt = now;
    }
    if (rateLimited) this.#fail(key, now, after);
    else key.asked.push(now + after);
    this.#lineUp(key, now);
  }

  /** The item that `get` should return for the key. */
  take(name: string, now: number): QueueItem {
    const key = this.#find(name);
    const item = { key: name, priority: key.priority, attempts: key.attempts, queuedFor: now - key.dueAt };
    if (key.retries.length > 0) {
      if (key.retryAt > now) key.notFreshBefore = now + FRESH_INTERVAL;
      key.troubleAt = now;
    }
    key.asked = [];
    key.retries = [];
    key.linedUpAt = undefined;
    key.processingSince = now;
    return item;
  }

  done(name: string, now: number): void {
    const key = this.#find(name);
    key.processingSince = undefined;
    this.#lineUp(key, now);
  }

  forget(name: string, now: number): void {
    const key = this.#keys.get(name);
    if (key === undefined || key.attempts === 0) return;
    key.asked.push(...key.retries);
    key.retries = [];
    key.attempts = 0;
    key.troubleAt = Number.NEGATIVE_INFINITY;
    key.notFreshBefore = Number.NEGATIVE_INFINITY;
    this.#lineUp(key, now);
  }

  /** Time has come to `now`. */
  advance(now: number): void {
    for (const [name, key] of this.#keys) {
      this.#lineUp(key, now);
      const idle = key.processingSince === undefined && key.dueAt === Number.POSITIVE_INFINITY;
      if (idle && now >= key.troubleAt + CALM) this.#keys.delete(name);
    }
  }

  attempts(name: string): number {
    return this.#keys.get(name)?.attempts ?? 0;
  }

  get tracked(): number {
    return this.#keys.size;
  }

  /** Keys that are due. */
  get ready(): string[] {
    return [...this.#keys].filter(([, key]) => key.linedUpAt !== undefined).map(([name]) => name);
  }

  /** Keys that were handed out. */
  get processing(): string[] {
    return [...this.#keys].filter(([, key]) => key.processingSince !== undefined).map(([name]) => name);
  }

  /** Whether no key of the same namespace and priority has been in line for longer. */
  isFirstOfItsFlow(name: string): boolean {
    const key = this.#find(name);
    const { namespace } = parseKey(name);
    const line = this.ready
      .filter((other) => parseKey(other).namespace === namespace)
      .map((other) => this.#find(other));
    return line.every((other) => other.priority !== key.priority || (other.linedUpAt ?? 0) >= (key.linedUpAt ?? 0));
  }

  #find(name: string): KeyModel {
    const key = this.#keys.get(name);
    if (key === undefined) throw new Error(`the model does not know ${name}`);
    return key;
  }

  #fail(key: KeyModel, now: number, atLeast: number): void {
    const triedAt = key.processingSince ?? now;
    if (key.retries.length === 0 && triedAt - key.troubleAt >= CALM) key.attempts = 0;
    key.retries.push(now + Math.max(atLeast, QUICK_WAITS[key.attempts] ?? CAP));
    key.attempts += 1;
    key.troubleAt = now;
  }

  #lineUp(key: KeyModel, now: number): void {
    const waits = key.processingSince === undefined && key.linedUpAt === undefined;
    // While time goes by in steps, a key lines up at its own time; one that was held up by its processing, now.
    if (waits && key.dueAt <= now) key.linedUpAt = now;
  }
}
