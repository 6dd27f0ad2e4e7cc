import {
  Cache,
  type Client,
  type Informer,
  type Logger,
  Namespaces,
  type Runnable,
  type Troubles,
} from "@pcmc/controller-runtime";
import type { Namespace } from "kubernetes-types/core/v1.d.ts";

export interface NamespaceLabelsOptions {
  readonly client: Client;
  readonly log: Logger;
  readonly troubles: Troubles;
}

/**
 * The labels of all namespaces, watched. In a cache of their own: a manager that must not list namespaces has to become ready all
 * the same, and does with less what it does.
 */
export class NamespaceLabels implements Runnable {
  readonly name = "namespaces";
  readonly #cache: Cache;
  readonly #namespaces: Informer<Namespace>;

  constructor(options: NamespaceLabelsOptions) {
    this.#cache = new Cache(options);
    this.#namespaces = this.#cache.informer(Namespaces, { project: { metadata: { labels: true } } });
  }

  /** The labels of a namespace; `undefined` while they are not known. */
  labelsOf(namespace: string): Readonly<Record<string, string>> | undefined {
    const known = this.#namespaces.get(namespace);
    return known && (known.metadata.labels ?? {});
  }

  async run({ stop }: { readonly stop: AbortSignal }): Promise<void> {
    this.#cache.start(stop);
    await this.#cache.stopped();
  }
}
