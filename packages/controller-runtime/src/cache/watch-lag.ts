import type { Clock } from "../clock.ts";
import { compareResourceVersions } from "./resource-version.ts";

export interface WatchLagOptions {
  readonly clock: Clock;
  /** Is told how far the watch was behind, in seconds. */
  readonly onLag: (seconds: number) => void;
}

/**
 * How far a watch is behind the API server. Events carry no time of their own, but the answer to a write of ours does: it
 * says that the server is at a resourceVersion, and sooner or later the watch says so too. One write at a time is followed,
 * so that an event costs no more than a comparison.
 */
export class WatchLag {
  readonly #options: WatchLagOptions;
  /** Up to where the watch has told. */
  #told = "";
  #followed: { readonly resourceVersion: string; readonly at: number } | undefined;

  constructor(options: WatchLagOptions) {
    this.#options = options;
  }

  /** The server has answered a write. */
  written(resourceVersion: string): void {
    if (this.#followed !== undefined) return;
    const { clock, onLag } = this.#options;
    // The watch was faster than the answer.
    if (compareResourceVersions(resourceVersion, this.#told) <= 0) onLag(0);
    else this.#followed = { resourceVersion, at: clock.now() };
  }

  /** The watch has told all up to here; cheap, called for each event. */
  told(resourceVersion: string): void {
    this.#told = resourceVersion;
    const { clock, onLag } = this.#options;
    const followed = this.#followed;
    if (followed === undefined || compareResourceVersions(resourceVersion, followed.resourceVersion) < 0) return;
    this.#followed = undefined;
    onLag((clock.now() - followed.at) / 1_000);
  }

  /** A list has been taken, which tells all up to here too; where the server's history went back, that is less than before. */
  listed(resourceVersion: string): void {
    this.told(resourceVersion);
    this.#followed = undefined;
  }
}
