/*
 * How long a cluster is without a leader, and whether a change of leaders costs anything.
 *
 *   node bench/takeover.ts [--rounds 100] [--replicas 2] [--pods 200] [--identity serviceaccount] [--json]
 *
 * Rounds take turns in ending the leader: SIGTERM, SIGKILL. Exits with 1 when something that must hold does not.
 */
import { parseArgs } from "node:util";
import { fill, type Ground, groundFor, startGroundCluster } from "./ground.ts";
import { IDENTITY_NAMES } from "./identity.ts";
import { machine } from "./machine.ts";
import { AUTO_WORKERS } from "./managed.ts";
import { median, percentile } from "./statistics.ts";
import type { Ending } from "./takeover-replicas.ts";
import { TakeOverScene } from "./takeover-scene.ts";
import type { Verdict } from "./targets.ts";

export interface TakeOverOptions {
  readonly rounds: number;
  readonly replicas: number;
  /** Takes a line on how it goes. */
  readonly note: (line: string) => void;
}

/** One change of leaders. Seconds from the signal. */
export interface TakeOver {
  readonly ending: Ending;
  /** Until the Lease had its next holder. */
  readonly lease: number;
  /** Until the first change of a Pod made after the signal was in its ConfigMap. */
  readonly change: number;
}

export interface TakeOverResult {
  readonly replicas: number;
  readonly pods: number;
  readonly rounds: readonly TakeOver[];
  /** Changes of Pods that were made and followed up, those of the rounds included. */
  readonly changes: number;
  /** ConfigMaps that were lost, made anew, written to no effect or with an old state; errors of the managers. */
  readonly problems: readonly string[];
}

const ENDINGS: readonly Ending[] = ["graceful", "kill"];
/** What must hold. Seconds. */
const LIMITS: Readonly<Record<Ending, number>> = { graceful: 1, kill: 10 };

/** Ends one leader after the other, on a cluster that has its Pods, while some of them change. */
export const measureTakeOver = async (ground: Ground, options: TakeOverOptions): Promise<TakeOverResult> => {
  const { rounds: count, replicas, note } = options;
  await using scene = await TakeOverScene.open(ground, replicas);
  const rounds: TakeOver[] = [];
  for (let round = 0; round < count; round++) {
    const ending = ENDINGS[round % ENDINGS.length] ?? "graceful";
    const { lease, change } = await scene.takeOver(ending);
    rounds.push({ ending, lease, change });
    note(
      `${round + 1}/${count} ${ending}: next leader after ${lease.toFixed(3)} s, change after ${change.toFixed(3)} s`,
    );
  }
  const { changes, problems } = await scene.close();
  return { replicas, pods: ground.pods, rounds, changes, problems };
};

/** Median, 99th percentile and maximum. */
const summaryOf = (values: readonly number[]) => ({
  median: median(values),
  p99: percentile(values, 0.99),
  max: percentile(values, 1),
});

/** The figures of each kind of ending that there were rounds of. */
export const takeOverSummary = ({ rounds }: TakeOverResult) =>
  ENDINGS.flatMap((ending) => {
    const ofKind = rounds.filter((round) => round.ending === ending);
    if (ofKind.length === 0) return [];
    const column = (name: "lease" | "change") => summaryOf(ofKind.map((round) => round[name]));
    return [{ ending, rounds: ofKind.length, lease: column("lease"), change: column("change") }];
  });

/** What must hold of a take-over: the slowest round counts. */
export const takeOverVerdicts = (result: TakeOverResult): Verdict[] => {
  const times = takeOverSummary(result).map(({ ending, lease, change }): Verdict => {
    const slowest = Math.max(lease.max, change.max);
    const limit = LIMITS[ending];
    return {
      what: `slowest take-over, ${ending}`,
      figure: `${slowest.toPrecision(3)} s`,
      target: `< ${limit} s`,
      holds: slowest < limit,
    };
  });
  const { length } = result.problems;
  return [
    ...times,
    { what: "lost, useless or wrong writes", figure: String(length), target: "0", holds: length === 0 },
  ];
};

const report = (result: TakeOverResult): string => {
  const seconds = (value: number) => value.toFixed(3).padStart(9);
  const rows = takeOverSummary(result).flatMap(({ ending, rounds, ...figures }) =>
    (["lease", "change"] as const).map((name) => {
      const { median: middle, p99, max } = figures[name];
      const label = `${ending}, ${rounds} rounds: ${name === "lease" ? "next leader" : "first change in its ConfigMap"} (s)`;
      return `  ${label.padEnd(58)}${[middle, p99, max].map(seconds).join("")}`;
    }),
  );
  const verdicts = takeOverVerdicts(result).map(
    ({ what, figure, target, holds }) => `  ${what.padEnd(58)}${figure.padStart(9)}   ${target} ${holds ? "" : "MISS"}`,
  );
  const head = `\ntake-over: ${result.replicas} replicas, ${result.pods} Pods, ${result.changes} changes`;
  const columns = ["median", "p99", "max"].map((name) => name.padStart(9)).join("");
  const problems = result.problems.map((problem) => `  ${problem}`);
  return [`${head.padEnd(61)}${columns}`, ...rows, "must hold", ...verdicts, ...problems].join("\n");
};

const run = async (args: readonly string[]): Promise<void> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "100" },
      replicas: { type: "string", default: "2" },
      pods: { type: "string", default: "200" },
      identity: { type: "string", default: "serviceaccount" },
      json: { type: "boolean", default: false },
    },
  });
  const [rounds, replicas, pods] = [values.rounds, values.replicas, values.pods].map(Number);
  const name = IDENTITY_NAMES.find((one) => one === values.identity);
  if (!(isCount(rounds, 1) && isCount(replicas, 2) && isCount(pods, 10) && name !== undefined)) {
    const identities = IDENTITY_NAMES.join(" or ");
    throw new Error(`--rounds from 1 on, --replicas from 2 on, --pods from 10 on, --identity ${identities}`);
  }
  const started = performance.now();
  const note = (line: string) => {
    process.stderr.write(`${((performance.now() - started) / 1_000).toFixed(0).padStart(4)} s  ${line}\n`);
  };
  await using cluster = await startGroundCluster();
  await fill(cluster, pods);
  const ground = await groundFor(cluster, name, { pods, connections: AUTO_WORKERS });
  const result = await measureTakeOver(ground, { rounds, replicas, note });
  const mustHold = takeOverVerdicts(result);
  const json = { machine: machine(), identity: name, ...result, summary: takeOverSummary(result), mustHold };
  console.log(values.json ? JSON.stringify(json) : report(result));
  if (!mustHold.every(({ holds }) => holds)) process.exitCode = 1;
};

const isCount = (value: number | undefined, from: number): value is number =>
  value !== undefined && Number.isInteger(value) && value >= from;

if (import.meta.main) await run(process.argv.slice(2));
