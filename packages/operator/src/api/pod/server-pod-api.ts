import type { Client, Clock } from "@pcmc/controller-runtime";
import type { WatcherSpec } from "../watcher.ts";
import { CORE_OPEN_API, coreType, type OpenApiDocument, type OpenApiSchemas, reachable } from "./open-api.ts";
import { POD_API_ROOTS } from "./roots.ts";
import { unknownFields } from "./unknown-fields.ts";

export interface ServerPodApiOptions {
  readonly client: Pick<Client, "raw">;
  readonly clock: Pick<Clock, "now">;
}

/** Milliseconds that the schemas count: an API server can be upgraded, or put back, under us. */
const LASTS = 3_600_000;
/** Milliseconds for the question. The answer has some 1.6 MB. */
const TIMEOUT = 30_000;

/** The fields of a spec that an API server would drop, as `spec.container.restartPolicyRules`. */
export interface UnknownFields {
  readonly fields: readonly string[];
  /** When it should be asked again, by the clock's `now`. */
  readonly expires: number;
}

interface Known {
  readonly schemas: Promise<OpenApiSchemas>;
  readonly expires: number;
}

/**
 * What the API server that we talk to knows of containers and volumes. It is asked when the first Watcher is looked at, then
 * once an hour at the most; of its answer only what a Watcher is made of is kept. Everybody who is authenticated may ask
 * (ClusterRole `system:discovery`).
 */
export class ServerPodApi {
  readonly #options: ServerPodApiOptions;
  #known: Known | undefined;

  constructor(options: ServerPodApiOptions) {
    this.#options = options;
  }

  /**
   * The fields of a spec that the API server would drop from a Pod. `signal` ends a question; all who wait for its answer share it.
   *
   * @throws what the client throws when the API server gives no answer; the next call asks again.
   */
  async unknownIn(
    { container, volume }: Pick<WatcherSpec, "container" | "volume">,
    signal?: AbortSignal,
  ): Promise<UnknownFields> {
    const known = this.#ask(signal);
    const schemas = await known.schemas;
    const fields = [
      ...unknownFields(container, coreType("Container"), schemas).map((field) => `spec.container.${field}`),
      ...unknownFields(volume, coreType("Volume"), schemas).map((field) => `spec.volume.${field}`),
    ];
    return { fields, expires: known.expires };
  }

  #ask(signal: AbortSignal | undefined): Known {
    const now = this.#options.clock.now();
    if (this.#known !== undefined && now < this.#known.expires) return this.#known;
    const known: Known = { schemas: this.#read(signal), expires: now + LASTS };
    this.#known = known;
    known.schemas.catch(() => {
      if (this.#known === known) this.#known = undefined;
    });
    return known;
  }

  async #read(signal: AbortSignal | undefined): Promise<OpenApiSchemas> {
    const options = { timeout: TIMEOUT, signal };
    // The boundary: the API server's own description of itself.
    const document = (await this.#options.client.raw("GET", CORE_OPEN_API, options)) as OpenApiDocument;
    return reachable(document.components.schemas, POD_API_ROOTS);
  }
}
