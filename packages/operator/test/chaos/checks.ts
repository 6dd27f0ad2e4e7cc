import { setTimeout as pause } from "node:timers/promises";
import type { ProxiedRequest } from "@pcmc/devcluster";
import type { PodConfigMapConfig } from "../../src/api/podconfigmapconfig.ts";
import { eventually } from "../integration/support/eventually.ts";
import type { ManagerProcess } from "../integration/support/manager-process.ts";
import { samplesOf } from "../integration/support/metrics.ts";
import type { Namespace } from "../integration/support/namespace.ts";
import type { Held } from "../integration/support/namespace-client.ts";
import { expectExact } from "../integration/support/oracle.ts";
import { type Expectation, expectationOf, type Tally } from "./expectation.ts";
import type { ForeignObjects } from "./foreign.ts";
import { usageOf } from "./process-usage.ts";

/** Milliseconds without a write after which a cluster counts as converged: a status may follow a second after the last one. */
const QUIET = 1_200;
/** Milliseconds for what follows the last reconcile: a status waits 200 ms for the rest of a burst. */
const AFTERMATH = 400;
/**
 * Sockets of a manager at the most: 4 Pod workers, 1 PCMC worker and 1 besides for calls, 3 watches and 1 of the Lease, 1
 * that listens and as many from us as looked at once.
 */
const MOST_SOCKETS = 16;

/** All ConfigMaps and statuses of a namespace are as the pure functions say. @throws with what differs. */
export const expectConverged = async (namespace: Namespace, foreign: ForeignObjects): Promise<Expectation> => {
  const expectation = await expectationOf(namespace, foreign);
  await expectExact(namespace, { foreign: expectation.leftAlone });
  const configs = await namespace.list("podconfigmapconfigs");
  const wrong = configs.flatMap((config) => statusTrouble(config, expectation.tallies.get(config.metadata.name)));
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
  return expectation;
};

/** What is wrong with a status; nothing when it says what is. */
const statusTrouble = ({ metadata, status }: Held<PodConfigMapConfig>, tally: Tally | undefined): readonly string[] => {
  if (tally === undefined) return [`${metadata.name} was made while we looked`];
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const actual = {
    observedGeneration: status?.observedGeneration,
    matched: status?.matched,
    failed: status?.failed,
    ready: ready?.status,
    readyGeneration: ready?.observedGeneration,
  };
  const generation = metadata.generation;
  const expected = {
    observedGeneration: generation,
    ...tally,
    ready: tally.failed === 0 ? "True" : "False",
    readyGeneration: generation,
  };
  const [saw, wants] = [actual, expected].map((one) => JSON.stringify(one, Object.keys(expected)));
  return saw === wants ? [] : [`status of ${metadata.name} is ${saw}, not ${wants}`];
};

/** No foreign object was touched. @throws with those that were. */
export const expectUntouched = async (namespace: Namespace, foreign: ForeignObjects): Promise<void> => {
  const touched = foreign.touched(await namespace.list("configmaps"));
  if (touched.length > 0) throw new Error(touched.join("\n"));
};

const WRITES: ReadonlySet<string> = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/**
 * The writes among requests that a converged cluster must not see. A Lease is renewed, and an Event may come late; and a
 * create that is refused because the name is taken is how a manager finds what stands in the way unseen.
 */
export const writesIn = (requests: readonly ProxiedRequest[]): readonly string[] =>
  requests
    .filter(({ verb, path }) => WRITES.has(verb) && !/\/(leases|events)(?:[/?]|$)/.test(path))
    .filter(({ verb, status }) => !(verb === "create" && status === 409))
    .map(({ method, path, status }) => `${method} ${path} -> ${status ?? "no answer"}`);

/** Resolves when `requests` of a log that grows has had no write for a while. */
export const untilQuiet = async (logs: readonly (readonly ProxiedRequest[])[], deadline: number): Promise<void> => {
  await eventually(
    `no write for ${QUIET} ms`,
    async () => {
      const from = logs.map(({ length }) => length);
      await pause(QUIET);
      const writes = logs.flatMap((log, i) => writesIn(log.slice(from[i])));
      if (writes.length > 0) throw new Error(writes.join("\n"));
      return true;
    },
    { deadline },
  );
};

/** Managers that have just started look at every object once, whichever of them leads; resolves when they have. */
export const untilLookedAtAll = async (managers: readonly ManagerProcess[], namespace: Namespace): Promise<void> => {
  await Promise.all(managers.map((manager) => manager.ready()));
  const [pods, configs] = await Promise.all([namespace.list("pods"), namespace.list("podconfigmapconfigs")]);
  await eventually("the managers have looked at everything", async () => {
    const scrapes = await Promise.all(managers.map((manager) => manager.scrape()));
    const samples = scrapes.flatMap(samplesOf);
    const done = (controller: string) =>
      samples
        .filter(({ name, labels }) => name === "controller_runtime_reconcile_total" && labels.controller === controller)
        .reduce((sum, { value }) => sum + value, 0);
    return done("pod") >= pods.length && done("pcmc") >= configs.length;
  });
  await pause(AFTERMATH);
};

/** A manager at rest holds no more than it needs. @throws with what is too much. */
export const expectNoLeak = (manager: ManagerProcess): void => {
  const usage = manager.pid === undefined ? undefined : usageOf(manager.pid);
  if (usage === undefined) return;
  if (usage.children > 0) throw new Error(`it has left ${usage.children} processes`);
  if (usage.sockets > MOST_SOCKETS) throw new Error(`it holds ${usage.sockets} sockets, at the most ${MOST_SOCKETS}`);
};

/** Lines of the log that no fault may cause, but for those that hold one of the `excused` texts. */
export const errorLines = (lines: readonly string[], excused: readonly string[] = []): readonly string[] =>
  lines.filter((line) => {
    try {
      return (
        (JSON.parse(line) as { level?: unknown }).level === "error" && !excused.some((text) => line.includes(text))
      );
    } catch {
      // Not our logger: Node's own words about a crash.
      return true;
    }
  });
