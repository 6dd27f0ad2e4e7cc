/*
 * docs/reference/metrics.md against what `pcmc manager` exports.
 *
 * Invariants:
 * - Every metric that is exported is in the reference, and every one of the reference is exported, with its type.
 * - The labels of each sample are those of the reference.
 * - A ConfigMap that only carries our label counts for nobody.
 */
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { ManagerProcess } from "./support/manager-process.ts";
import { samplesOf } from "./support/metrics.ts";
import { documented, expectDocumented, OF_THE_AGENT } from "./support/metrics-reference.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld({ controllerManager: false });

/** The default of `--controllers`. */
const ALL_CONTROLLERS: string[] = [];
const GENERATED_BY = "podconfig.example.com/generated-by-pcmc";

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
  expectDocumented(await scrape(), await documented((section) => section !== OF_THE_AGENT));
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
