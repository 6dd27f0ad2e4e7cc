import type { Measurement } from "./measurement.ts";
import { range } from "./statistics.ts";

/** A figure beside what it must be. */
export interface Verdict {
  readonly what: string;
  readonly figure: string;
  readonly target: string;
  readonly holds: boolean;
}

/** The number of Pods that the targets of size and speed are about. */
const PODS = 10_000;

/** What was measured of that which must hold. A smaller run says nothing about the targets for 10,000 Pods. */
export const verdictsOn = (measurement: Measurement): Verdict[] => {
  const { part, pods, identity } = measurement;
  const what = (name: string) => `${name}, ${pods === 0 ? "empty" : `${pods} Pods`}, ${identity}`;
  const sized = pods >= PODS;
  if (part === "start") {
    const [, slowest] = range(measurement.result.readySeconds);
    return [below(what("slowest start to ready"), slowest, { limit: 1, unit: "s" })];
  }
  if (part === "convergence") {
    if (!sized) return [];
    const { ratio, ours } = measurement.result;
    const [, peak] = range(ours.map(({ peakRss }) => peakRss));
    return [
      { what: what("convergence by raw rate"), figure: ratio.toFixed(2), target: ">= 0.80", holds: ratio >= 0.8 },
      below(what("peak RSS converging"), peak, { limit: 150, unit: "MB" }),
    ];
  }
  if (part === "idle") {
    const { cpu, writes } = measurement.result;
    const ofCpu = below(what("idle CPU"), cpu * 100, { limit: 1, unit: "% of a core" });
    return [...(sized ? [ofCpu] : []), none(what("writes while idle"), writes)];
  }
  if (part === "restart") {
    const writes = measurement.result.reduce((sum, restart) => sum + restart.writes, 0);
    return [none(what("writes of all restarts"), writes)];
  }
  return [];
};

const below = (what: string, value: number, { limit, unit }: { limit: number; unit: string }): Verdict => ({
  what,
  figure: `${value.toPrecision(3)} ${unit}`,
  target: `< ${limit} ${unit}`,
  holds: value < limit,
});

const none = (what: string, value: number): Verdict => ({
  what,
  figure: String(value),
  target: "0",
  holds: value === 0,
});
