import type { InformerObserver, InformerState, ScopeState } from "../cache/informer.ts";
import { countedCounter, countedHistogram } from "./counted-metrics.ts";
import type { Registry } from "./prom-client.ts";
import { readGauge, type Sample } from "./read-metrics.ts";

/** Seconds that a watch is behind: a millisecond or two as a rule, and a bookmark's minute where it tells nothing else. */
const LAG_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * What happens to the watches of a cache, and what it holds. The series are as many as resources times namespaces that are
 * watched one by one; one for each resource where all namespaces are watched together.
 */
export const cacheMetrics = (registry: Registry): InformerObserver => {
  const informers: InformerState[] = [];
  const restarts = countedCounter({
    registry,
    name: "reflector_watch_restarts_total",
    help: "Number of times that a watch ended and was resumed, by reason (ended, expired, silent, error).",
    labels: ["resource", "reason"],
  });
  const lags = countedHistogram({
    registry,
    name: "informer_watch_lag_seconds",
    help: "Seconds from the answer to a write of ours until the watch had told of it; one write at a time is followed.",
    labels: ["resource"],
    buckets: LAG_BUCKETS,
  });
  const gauge = (name: string, help: string, reading: Reading) =>
    readGauge({ registry, name, help, read: () => samplesOf(informers, reading) });
  gauge("informer_objects", "Objects in the cache.", {
    value: ({ objects }) => objects,
    both: (a, b) => a + b,
  });
  gauge("informer_synced", "1 where a complete list has been taken, 0 where not, or not yet.", {
    value: ({ synced }) => (synced ? 1 : 0),
    both: Math.min,
  });
  gauge("informer_last_event_age_seconds", "Seconds since the watch last told anything; bookmarks come each minute.", {
    value: ({ silentFor }) => (silentFor === undefined ? undefined : silentFor / 1_000),
    both: Math.max,
  });
  return {
    onInformer: (informer) => {
      informers.push(informer);
    },
    onRestart: (resource, reason) => {
      restarts.at(resource, reason).value += 1;
    },
    onLag: (resource, seconds) => lags.at(resource).observe(seconds),
  };
};

/** What a gauge shows of a watch, and of two that have the same labels: of one resource, with other selectors. */
interface Reading {
  readonly value: (scope: ScopeState) => number | undefined;
  readonly both: (a: number, b: number) => number;
}

const samplesOf = (informers: readonly InformerState[], { value, both }: Reading): Iterable<Sample<number>> => {
  const samples = new Map<string, Sample<number>>();
  for (const { name: resource, scopes } of informers) {
    for (const scope of scopes) {
      const { namespace } = scope;
      const key = `${resource}/${namespace}`;
      const now = value(scope);
      const before = samples.get(key)?.value;
      if (now === undefined) continue;
      samples.set(key, { labels: { resource, namespace }, value: before === undefined ? now : both(before, now) });
    }
  }
  return samples.values();
};
