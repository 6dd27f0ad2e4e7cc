import type { ListWatch } from "../../src/cache/reflector.ts";
import type { Client, ListOptions, WatchOptions } from "../../src/client/client.ts";
import type { Page, WatchEvent } from "../../src/decode/decoder.ts";
import { ConnectionError } from "../../src/errors.ts";
import type { KubernetesObject, Stored } from "../../src/object.ts";
import type { Resource } from "../../src/resource.ts";

/** The way from an informer to a real API server, which a test can close and open. */
export class Gate implements ListWatch {
  /** `list`, `watch list` or `watch`, as they were asked for. */
  readonly requests: string[] = [];
  readonly #client: Client;
  #cut = new AbortController();
  #open = Promise.resolve();
  #reopen = () => {};

  constructor(client: Client) {
    this.#client = client;
  }

  /** Cuts what is open; what is asked for from now on waits. */
  close(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#open = promise;
    this.#reopen = resolve;
    this.#cut.abort(new ConnectionError("GET /", { cause: new Error("cut"), sent: true }));
  }

  open(): void {
    this.#cut = new AbortController();
    this.#reopen();
  }

  async *pages<T extends KubernetesObject>(
    resource: Resource<T>,
    options: ListOptions = {},
  ): AsyncGenerator<Page<Stored<T>>, void, undefined> {
    await this.#open;
    this.requests.push("list");
    // Small, so that there is more than one page.
    yield* this.#client.pages(resource, { ...options, limit: 3 });
  }

  async watch<T extends KubernetesObject>(
    resource: Resource<T>,
    options: WatchOptions,
    onEvent: (event: WatchEvent<Stored<T>>) => void,
  ): Promise<void> {
    await this.#open;
    this.requests.push(options.sendInitialEvents ? "watch list" : "watch");
    const signal = AbortSignal.any([options.signal, this.#cut.signal]);
    await this.#client.watch(resource, { ...options, signal }, onEvent);
  }
}
