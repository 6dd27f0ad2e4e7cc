/*
 * docs/metrics.md against what `pcmc manager` exports.
 *
 * Invariants:
 * - Every metric that is exported is in the reference, and every one of the reference is exported, with its type.
 * - The labels of each sample are those of the reference.
 * - A ConfigMap that only carries our label counts for nobody.
 */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { ManagerProcess } from "./support/manager-process.ts";
import { samplesOf } from "./support/metrics.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld({ controllerManager: false });

/** The default of `--controllers`. */
const ALL_CONTROLLERS: string[] = [];
const GENERATED_BY = "podconfig.example.com/generated-by-pcmc";
const REFERENCE = new URL("../../../../docs/metrics.md", import.meta.url);

interface Metric {
  readonly type: string;
  readonly labels: readonly string[];
}

/** The rows of the tables: `| name | type | labels | ...`. */
const documented = async (): Promise<ReadonlyMap<string, Metric>> => {
  const rows = (await readFile(REFERENCE, "utf8")).matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \|([^|]*)\|/gm);
  return new Map(
    [...rows].map(([, name = "", type = "", labels = ""]) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label).sort() },
    ]),
  );
};

const typesOf = (text: string): [string, string][] =>
  [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = "", type = ""]) => [name, type]);

/** The scrape of a manager that has worked. */
const scrape = async (): Promise<string> => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("app");
  const env = { KUBECONFIG: world.cluster.kubeconfig, WATCH_NAMESPACES: namespace.name };
  await using manager = await ManagerProcess.start(env, ALL_CONTROLLERS);
  await namespace.settled("app");
  return await manager.scrape();
};

test("the reference has the names, types and labels of what is exported, and nothing else", async () => {
  const [text, reference] = [await scrape(), await documented()];
  const types = [...reference].map(([name, { type }]) => [name, type]);
  expect(typesOf(text).sort()).toEqual(types.sort());
  for (const { name, labels } of samplesOf(text)) {
    const metric = reference.get(name) ?? reference.get(name.replace(/_(bucket|sum|count)$/, ""));
    const own = Object.keys(labels).filter((label) => !(metric?.type === "histogram" && label === "le"));
    expect([name, own.sort()]).toEqual([name, metric?.labels]);
  }
});

test("active_configmaps counts what is ours, not what carries our label", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("app");
  await namespace.create("configmaps", { metadata: { name: "copied", labels: { [GENERATED_BY]: "app" } } });
  const manager = world.manage(namespace);
  await namespace.settled("app");
  const read = async (metric: string): Promise<number | undefined> =>
    samplesOf(await manager.scrape()).find(
      ({ name, labels }) => name === metric && (labels.resource ?? "configmaps") === "configmaps",
    )?.value;
  await eventually("both are in the cache", async () => (await read("informer_objects")) === 2);
  expect(await read("podconfigmap_controller_active_configmaps")).toBe(1);
});
