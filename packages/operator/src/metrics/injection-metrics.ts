import { countedCounter, type Registry } from "@pcmc/controller-runtime";
import { PREFIX } from "./gauges.ts";

/** What the mutating webhook tells of itself; in every replica, since each of them injects. */
export interface InjectionMetrics {
  /**
   * Counts one Watcher that a Pod asked for: `injected`, or in a bounded set of words why not (`conflict`, `not_ready`,
   * `not_found`). Not called for Pods that ask for none.
   */
  onInjection(result: string): void;
}

/** Registers what is told of injections. @throws Error when the registry has such a metric already. */
export const injectionMetrics = (registry: Registry): InjectionMetrics => {
  const injections = countedCounter({
    registry,
    name: `${PREFIX}watcher_injections_total`,
    help: "Watchers that Pods asked for when they were created, by result: injected, or why not.",
    labels: ["result"],
  });
  return {
    onInjection: (result) => {
      injections.at(result).value += 1;
    },
  };
};
