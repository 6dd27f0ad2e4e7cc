import { type Cache, type Informer, Namespaces } from "@pcmc/controller-runtime";
import type { Namespace } from "kubernetes-types/core/v1.d.ts";

export interface NamespaceLabelsOptions {
  /** The manager's: webhook and controller share what it holds. */
  readonly cache: Cache;
  /** Those that are watched (`WATCH_NAMESPACES`); empty = all. */
  readonly watchNamespaces: readonly string[];
}

/** The labels of all namespaces, watched. Whoever may look at some namespaces only may not list them: then nothing is known. */
export class NamespaceLabels {
  /** `undefined` where namespaces are not watched. */
  readonly informer: Informer<Namespace> | undefined;

  constructor({ cache, watchNamespaces }: NamespaceLabelsOptions) {
    if (watchNamespaces.length > 0) return;
    this.informer = cache.informer(Namespaces, { project: { metadata: { labels: true } } });
  }

  /** The labels of a namespace; `undefined` while they are not known. */
  labelsOf(namespace: string): Readonly<Record<string, string>> | undefined {
    const known = this.informer?.get(namespace);
    return known && (known.metadata.labels ?? {});
  }
}
