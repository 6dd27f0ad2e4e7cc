/*
 * Invariant: whatever users, garbage collector and network do, in whatever order, and however often the manager is replaced
 * meanwhile, once they are quiet the ConfigMaps are exactly the desired ones, and every status is about its generation.
 */
import { ApiStatusError, type FaultProxy } from "@pcmc/devcluster";
import { expect, test } from "vitest";
import type { RunningManager } from "./support/manager.ts";
import type { Namespace } from "./support/namespace.ts";
import { eventuallyExact } from "./support/oracle.ts";
import { seededRandom } from "./support/seeded-random.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();

/** Several pairs of these have one readable name. */
const PODS = ["a", "a-from-b", "a-from-b-from-c", "x", "p".repeat(250)];
const CONFIGS = ["c-from-d", "d", "b-from-c-from-d", "e".repeat(100)];
const VALUES = ["1", "2"];
const STEPS = 120;

class Chaos {
  readonly #namespace: Namespace;
  readonly #proxy: FaultProxy;
  readonly #random: () => number;
  #manager: RunningManager;

  constructor(namespace: Namespace, proxy: FaultProxy, random: () => number) {
    this.#namespace = namespace;
    this.#proxy = proxy;
    this.#random = random;
    this.#manager = world.manageThrough(proxy, namespace);
  }

  /** One thing that can happen. What is not possible just then does not happen. */
  async step(): Promise<void> {
    try {
      await this.#pick(this.#steps)();
    } catch (error) {
      if (!(error instanceof ApiStatusError)) throw error;
    }
  }

  readonly #steps: readonly (() => Promise<unknown>)[] = [
    () => this.#namespace.createPod(this.#pick(PODS), { labels: { side: this.#pick(VALUES) } }),
    () => this.#namespace.createPod(this.#pick(PODS), { labels: { side: this.#pick(VALUES) } }),
    () => this.#namespace.remove("pods", this.#pick(PODS)),
    () => this.#namespace.patch("pods", this.#pick(PODS), { metadata: { labels: { side: this.#pick(VALUES) } } }),
    () => this.#namespace.setPhase(this.#pick(PODS), this.#pick(["Running", "Succeeded", "Failed"])),
    () => this.#namespace.createConfig(this.#pick(CONFIGS), this.#spec()),
    () => this.#namespace.createConfig(this.#pick(CONFIGS), this.#spec()),
    () => this.#namespace.patch("podconfigmapconfigs", this.#pick(CONFIGS), { spec: this.#spec() }),
    () => this.#namespace.remove("podconfigmapconfigs", this.#pick(CONFIGS)),
    () => this.#withAny((name) => this.#namespace.patch("configmaps", name, { data: { extra: "1" } })),
    () => this.#withAny((name) => this.#namespace.patch("configmaps", name, { immutable: true })),
    () => this.#withAny((name) => this.#namespace.remove("configmaps", name)),
    async () => this.#proxy.disconnectAll(),
    () => this.#replaceManager(),
  ];

  #spec() {
    const value = this.#pick([...VALUES, undefined]);
    return {
      podSelector: value === undefined ? null : { matchLabels: { side: value } },
      labelsToInclude: this.#pick([["side"], []]),
    };
  }

  async #replaceManager(): Promise<void> {
    await this.#manager.stop();
    this.#manager = world.manageThrough(this.#proxy, this.#namespace);
  }

  async #withAny(act: (name: string) => Promise<unknown>): Promise<void> {
    const names = (await this.#namespace.list("configmaps")).map(({ metadata }) => metadata.name);
    const generated = names.filter((name) => name.startsWith("pod-"));
    if (generated.length > 0) await act(this.#pick(generated));
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[Math.floor(this.#random() * from.length)];
    if (picked === undefined && !from.includes(picked as T)) throw new Error("nothing to pick from");
    return picked as T;
  }
}

const seeds = (process.env.CHAOS_SEEDS ?? "1,2").split(",").map(Number);

test.each(seeds)("what comes in any order ends exactly as desired, seed %i", async (seed) => {
  const namespace = await world.namespace();
  const chaos = new Chaos(namespace, await world.proxy(), seededRandom(seed));
  for (let step = 0; step < STEPS; step++) await chaos.step();
  await eventuallyExact(namespace);
  const configs = await namespace.list("podconfigmapconfigs");
  for (const { metadata } of configs) await namespace.ready(metadata.name, { status: "True" });
  for (const { metadata } of configs) expect((await namespace.settled(metadata.name)).status?.failed).toBe(0);
  await eventuallyExact(namespace);
});
