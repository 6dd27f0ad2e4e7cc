/*
 * podlogreader with many Deployments: whether all Roles are right after a storm of scaling, what that costs in writes and memory,
 * and how soon a removed Pod is out of its Role. The manager is the bundle, with all its controllers, as users run it.
 *
 *   node bench/podlogreader.ts [--deployments 1000] [--pods 10] [--rounds 3] [--seed 1] [--json]
 *
 * The driver plays the Deployments' controllers: it makes the ReplicaSets and Pods with the ownerReferences that these would write,
 * and the Deployments' status. Beside 10,000 Pods Kubernetes' own would have both cores for themselves.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Cluster } from "@pcmc/devcluster";
import type { Role } from "kubernetes-types/rbac/v1.d.ts";
import { BUNDLE, bundle } from "../scripts/bundle.ts";
import { groundFor, startGroundCluster } from "./ground.ts";
import { machine } from "./machine.ts";
import { AUTO_WORKERS, type Manager, startManager } from "./managed.ts";
import { namesIn, Shops } from "./podlogreader-shops.ts";
import { cpuSeconds, memory } from "./process-usage.ts";
import { median, percentile } from "./statistics.ts";

const WRITES = ["POST", "PUT", "PATCH", "DELETE"];
/** Every so many milliseconds writes are counted, and Roles looked at. */
const LOOK = 1_000;
const EVICTIONS = 50;
const QUIET_SECONDS = 10;
/** A Role is written every 5 s at the most while its Deployment rolls, and once more at the end. */
const ROLLING_INTERVAL = 5;
/**
 * A scaling that is shorter than that is two writes at the most: one at its beginning, one at its end. Each comes within this many
 * milliseconds of a change: 700 for the pace (src/podlogreader/pace.ts), the rest for the write, which takes 100 when all is well.
 */
const LAG = 1_500;
/** Seconds after the storm within which all Roles are right: the second that is promised, and one for a look at 1,000 of them. */
const SETTLED = 2;

interface Storm {
  /** The driver was at it. */
  readonly seconds: number;
  /** From then until every Role was right, to within the time between two looks. */
  readonly settledAfter: number;
  readonly scalings: number;
  readonly roleWrites: number;
  readonly mostWritesPerSecond: number;
  /** The most writes that there were in one look, of those that the scalings under way allow: 1 = all of them. */
  readonly mostOfAllowed: number;
  readonly cpuSeconds: number;
}

const started = performance.now();
const note = (line: string): void => {
  process.stderr.write(`${((performance.now() - started) / 1_000).toFixed(0).padStart(4)} s  ${line}\n`);
};

const roleWrites = (cluster: Cluster): Promise<number> => cluster.requestCounts({ verb: WRITES, resource: "roles" });

/** Waits until all Roles are right. @returns seconds. */
const allRight = async (shops: Shops, manager: Manager): Promise<number> => {
  const from = performance.now();
  for (;;) {
    manager.throwIfEnded();
    const wrong = await shops.wrongRoles();
    const seconds = (performance.now() - from) / 1_000;
    if (wrong === 0) return seconds;
    if (seconds > 120) throw new Error(`${wrong} Roles are wrong after two minutes`);
    await sleep(LOOK / 4);
  }
};

/** Counts writes of Roles second by second until `done`: the most there were in one, and of what was allowed. */
const watchWrites = async (
  { cluster, shops }: { readonly cluster: Cluster; readonly shops: Shops },
  done: AbortSignal,
): Promise<Pick<Storm, "mostWritesPerSecond" | "mostOfAllowed">> => {
  let [mostWritesPerSecond, mostOfAllowed] = [0, 0];
  let [before, at] = [await roleWrites(cluster), performance.now()];
  while (!done.aborted) {
    await sleep(LOOK);
    const [now, then] = [await roleWrites(cluster), performance.now()];
    const writes = now - before;
    mostWritesPerSecond = Math.max(mostWritesPerSecond, writes / ((then - at) / 1_000));
    if (writes > 0) mostOfAllowed = Math.max(mostOfAllowed, writes / (2 * shops.scalingsIn(at - LAG, then)));
    [before, at] = [now, then];
  }
  return { mostWritesPerSecond, mostOfAllowed };
};

const measureStorm = async (
  cluster: Cluster,
  { shops, manager, rounds, random, pods, deployments }: Scene,
): Promise<Storm> => {
  const done = new AbortController();
  const most = watchWrites({ cluster, shops }, done.signal);
  const [writes, cpu, from] = [await roleWrites(cluster), cpuSeconds(manager.pid), performance.now()];
  const shuffle = <T>(items: readonly T[]) =>
    items
      .map((item) => ({ item, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
  for (let round = 0; round < rounds; round++)
    await shops.scaleAll(() => Math.floor(random() * (2 * pods + 1)), shuffle);
  const seconds = (performance.now() - from) / 1_000;
  const settledAfter = await allRight(shops, manager);
  done.abort();
  const { mostWritesPerSecond, mostOfAllowed } = await most;
  const roleWritesInAll = (await roleWrites(cluster)) - writes;
  const used = cpuSeconds(manager.pid) - cpu;
  return {
    seconds,
    settledAfter,
    scalings: rounds * deployments,
    roleWrites: roleWritesInAll,
    mostWritesPerSecond,
    mostOfAllowed,
    cpuSeconds: used,
  };
};

/** Milliseconds from the removal of a Pod to a Role without its name, one after the other. */
const measureRemovals = async (cluster: Cluster, { shops, deployments }: Scene): Promise<readonly number[]> => {
  const latencies: number[] = [];
  for (let i = 0; i < EVICTIONS; i++) {
    const evicted = await shops.evict(Math.floor((i * deployments) / EVICTIONS));
    if (evicted === undefined) continue;
    while (namesIn(await cluster.request<Role>("GET", evicted.role)).includes(evicted.pod)) await sleep(10);
    latencies.push(performance.now() - evicted.at);
    await evicted.replace();
  }
  return latencies;
};

interface Scene {
  readonly shops: Shops;
  readonly manager: Manager;
  readonly rounds: number;
  readonly random: () => number;
  readonly pods: number;
  readonly deployments: number;
}

/** mulberry32: the same storm for the same seed. */
const seeded = (seed: number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
};

const { values } = parseArgs({
  options: {
    deployments: { type: "string", default: "1000" },
    pods: { type: "string", default: "10" },
    rounds: { type: "string", default: "3" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const [deployments, pods, rounds] = [values.deployments, values.pods, values.rounds].map(Number) as [
  number,
  number,
  number,
];

note("bundling");
await bundle(BUNDLE);
await using cluster = await startGroundCluster();
const shops = new Shops(cluster);
note(`creating ${deployments} Deployments of ${pods} Pods`);
await shops.open(deployments, pods);
const ground = await groundFor(cluster, "serviceaccount", { pods: shops.pods, connections: AUTO_WORKERS });
await using manager = await startManager(ground);
note("the manager starts");
const firstSeconds = await allRight(shops, manager);
const scene: Scene = { shops, manager, rounds, random: seeded(Number(values.seed)), pods, deployments };
note("storm");
const storm = await measureStorm(cluster, scene);
// What is measured is a change by itself: a Deployment with a Pod missing rolls, and its Role may have been written just now.
await sleep(ROLLING_INTERVAL * 1_000);
note(`removals, of ${shops.pods} Pods`);
const removals = await measureRemovals(cluster, scene);
await allRight(shops, manager);
note("quiet");
const before = await roleWrites(cluster);
await sleep(QUIET_SECONDS * 1_000);
const quietWrites = (await roleWrites(cluster)) - before;
const { now: rss, peak: peakRss } = memory(manager.pid);

/** So many writes the storm may take: what each Deployment is allowed in that time. */
const allowed = storm.scalings * 2 + deployments * Math.ceil(storm.seconds / ROLLING_INTERVAL);
const result = {
  firstSeconds,
  storm,
  removals: { p50: median(removals), p99: percentile(removals, 0.99), max: Math.max(...removals) },
  quietWrites,
  rss,
  peakRss,
};
const mustHold = {
  "a removal is in the Role within 1 s": result.removals.max < 1_000,
  "no more writes than two a scaling and one in 5 s": storm.roleWrites <= allowed,
  "in no second more writes than the scalings under way allow": storm.mostOfAllowed <= 1,
  [`all Roles are right within ${SETTLED} s of the storm's end`]: storm.settledAfter <= SETTLED,
  "no write when nothing happens": quietWrites === 0,
  "peak RSS below 150 MB": peakRss < 150,
};
if (values.json) console.log(JSON.stringify({ machine: machine(), deployments, pods, rounds, result, mustHold }));
else {
  const { cpus, model, node } = machine();
  console.log(`\n${cpus} x ${model}, Node ${node}; ${deployments} Deployments x ${pods} Pods, all controllers`);
  console.log(`  all Roles from the start of the process (s)            ${firstSeconds.toFixed(1)}`);
  console.log(`  storm: ${storm.scalings} scalings to 0-${2 * pods} Pods in (s)           ${storm.seconds.toFixed(1)}`);
  console.log(`  all Roles right after its end (s)                      ${storm.settledAfter.toFixed(1)}`);
  console.log(
    `  writes of Roles: in all, most in a second              ${storm.roleWrites}, ${storm.mostWritesPerSecond.toFixed(0)}`,
  );
  console.log(`  the most in a second, of what the pace allows          ${(100 * storm.mostOfAllowed).toFixed(0)} %`);
  console.log(`  CPU of the manager in the storm (s)                    ${storm.cpuSeconds.toFixed(1)}`);
  console.log(
    `  removal of a Pod to the Role (ms): p50, p99, max       ${[result.removals.p50, result.removals.p99, result.removals.max].map((ms) => ms.toFixed(0)).join(", ")}`,
  );
  console.log(`  writes in ${QUIET_SECONDS} quiet seconds                             ${quietWrites}`);
  console.log(`  RSS (MB): now, peak                                    ${rss.toFixed(0)}, ${peakRss.toFixed(0)}`);
  for (const [what, holds] of Object.entries(mustHold)) console.log(`  ${holds ? "holds" : "FAILS"}: ${what}`);
}
if (Object.values(mustHold).includes(false)) process.exitCode = 1;
