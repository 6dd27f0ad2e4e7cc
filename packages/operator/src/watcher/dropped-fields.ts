import { describe, type KeyString, keyOf, type Logger, type Stored } from "@pcmc/controller-runtime";
import type { ServerPodApi } from "../api/pod/server-pod-api.ts";
import type { Watcher, WatcherSpec } from "../api/watcher.ts";

export interface DroppedFieldsOptions {
  readonly server: Pick<ServerPodApi, "unknownIn">;
  readonly log: Logger;
  /** Is told of each Watcher whose fields are known now. */
  readonly onFound: (watcher: KeyString) => void;
}

interface Answer {
  readonly uid: string;
  readonly generation: number | undefined;
  /** `undefined`: the API server has been asked. */
  fields: readonly string[] | undefined;
}

/**
 * Which fields of a Watcher's container and volume this API server would leave out of Pods without a word. It is asked once for
 * each generation, and nobody waits for the answer: a Watcher is no less ready for it.
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

  /** The fields; `undefined` while they are not known, then `onFound` is called once they are. */
  of(watcher: Stored<Watcher>, spec: WatcherSpec): readonly string[] | undefined {
    const { uid, generation } = watcher.metadata;
    const key = keyOf(watcher);
    const known = this.#answers.get(key);
    if (known?.uid === uid && known.generation === generation) return known.fields;
    const answer: Answer = { uid, generation, fields: undefined };
    this.#answers.set(key, answer);
    void this.#ask(key, spec, answer);
    return undefined;
  }

  async #ask(key: KeyString, spec: WatcherSpec, answer: Answer): Promise<void> {
    const { server, log, onFound } = this.#options;
    try {
      answer.fields = await server.unknownIn(spec);
      onFound(key);
    } catch (error) {
      // The next look asks again.
      if (this.#answers.get(key) === answer) this.#answers.delete(key);
      log.debug("the API server does not say which fields of a container it knows", { key, cause: describe(error) });
    }
  }
}
