import { type Clock, describe, type KeyString, keyOf, type Logger, type Stored } from "@pcmc/controller-runtime";
import type { ServerPodApi, UnknownFields } from "../api/pod/server-pod-api.ts";
import type { Watcher, WatcherSpec } from "../api/watcher.ts";

export interface DroppedFieldsOptions {
  readonly server: Pick<ServerPodApi, "unknownIn">;
  readonly clock: Pick<Clock, "now">;
  /** Ends the questions. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Is told of each Watcher whose fields are known now. */
  readonly onFound: (watcher: KeyString) => void;
}

interface Answer {
  readonly uid: string;
  readonly generation: number | undefined;
  /** `undefined`: there is none yet. */
  found: UnknownFields | undefined;
  /** The API server has been asked, and has not answered. */
  isAsked: boolean;
}

/**
 * Which fields of a Watcher's container and volume this API server would leave out of Pods without a word. It is asked once for
 * each generation, and again when the answer has expired: it may be another version by then. Nobody waits for the answer: a
 * Watcher is no less ready for it.
 */
export class DroppedFields {
  readonly #options: DroppedFieldsOptions;
  readonly #answers = new Map<KeyString, Answer>();

  constructor(options: DroppedFieldsOptions) {
    this.#options = options;
  }

  forget(watcher: KeyString): void {
    this.#answers.delete(watcher);
  }

  /** The fields; `undefined` while they are not known. `onFound` is called once an answer has come. */
  of(watcher: Stored<Watcher>, spec: WatcherSpec): readonly string[] | undefined {
    const answer = this.#answerFor(watcher);
    const isOld = answer.found === undefined || answer.found.expires <= this.#options.clock.now();
    if (isOld && !answer.isAsked) void this.#ask(keyOf(watcher), spec, answer);
    return answer.found?.fields;
  }

  #answerFor(watcher: Stored<Watcher>): Answer {
    const { uid, generation } = watcher.metadata;
    const key = keyOf(watcher);
    const known = this.#answers.get(key);
    if (known?.uid === uid && known.generation === generation) return known;
    const answer: Answer = { uid, generation, found: undefined, isAsked: false };
    this.#answers.set(key, answer);
    return answer;
  }

  async #ask(key: KeyString, spec: WatcherSpec, answer: Answer): Promise<void> {
    const { server, signal, log, onFound } = this.#options;
    answer.isAsked = true;
    try {
      answer.found = await server.unknownIn(spec, signal);
      onFound(key);
    } catch (error) {
      // The next look asks again.
      log.debug("the API server does not say which fields of a container it knows", { key, cause: describe(error) });
    } finally {
      answer.isAsked = false;
    }
  }
}
