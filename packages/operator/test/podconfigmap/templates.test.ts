// Invariants:
// - Templates are parsed once for each version of a spec, and again where that says nothing of them: the engine could not
//   work, or was too busy, and then not at once.
// - What is known of a PodConfigMapConfig that is gone, or of an older version, is not kept.
// - Templates that took all their time once never take more than one worker.
// - Nothing that a template reads, or the engine throws, ends the process.
import {
  type Change,
  DeadlineError,
  type KeyString,
  type Projection,
  type Stored,
  silentLogger,
} from "@pcmc/controller-runtime";
import { type Reads, type Rendered, TemplateError, type TemplateSet } from "@pcmc/gotemplate";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { expect, test } from "vitest";
import type { PodConfigMapConfig } from "../../src/api/podconfigmapconfig.ts";
import { parsedConfig, type Sources } from "../../src/podconfigmap/sources.ts";
import { Templates } from "../../src/podconfigmap/templates.ts";
import { ManualClock } from "../ebpf/support/manual-clock.ts";

const { signal } = new AbortController();
const late = new TemplateError({
  key: "a",
  reason: "deadline",
  line: 1,
  column: 1,
  detail: "took longer than 1000 ms",
});

const configOf = (template: string, generation = 1): Stored<PodConfigMapConfig> => ({
  metadata: { name: "t", namespace: "ns", uid: "uid", resourceVersion: String(generation), generation },
  spec: { configMapDataTemplate: { a: template } },
});

const pod: Stored<Pod> = { metadata: { name: "web", namespace: "ns", uid: "p", resourceVersion: "1" } };

/** Sources that hold one config, and an engine that does what the test says. */
const rig = () => {
  const wider: Projection[] = [];
  let held: Stored<PodConfigMapConfig> | undefined;
  let tell: (change: Change<Stored<PodConfigMapConfig>>) => void = () => {};
  const configs = {
    get: (_key: KeyString) => held,
    onChange: (handler: typeof tell) => {
      tell = handler;
      return () => {};
    },
  };
  const pods = { widen: (projection: Projection) => void wider.push(projection), holds: () => true };
  const engine = {
    compiled: [] as unknown[],
    errors: [] as TemplateError[],
    reads: { kind: "paths", paths: [["spec", "x"]] } as Reads,
    fault: undefined as Error | undefined,
    render: async (): Promise<Rendered> => ({ values: { a: "rendered" }, errors: [] }),
    compileAll: async (sources: unknown): Promise<TemplateSet> => {
      engine.compiled.push(sources);
      if (engine.fault !== undefined) throw engine.fault;
      return { errors: engine.errors, reads: engine.reads, render: () => engine.render() };
    },
  };
  // The boundary: what the templates use of informers.
  const sources = { configs, pods } as unknown as Pick<Sources, "pods" | "configs">;
  const clock = new ManualClock();
  const templates = new Templates({ engine, sources, log: silentLogger, clock, random: () => 0 });
  const store = (config: Stored<PodConfigMapConfig>) => {
    const old = held;
    held = config;
    tell(
      old === undefined
        ? { type: "added", object: config, origin: "watch" }
        : { type: "updated", old, object: config, origin: "watch" },
    );
    return parsedConfig(config);
  };
  const remove = () => {
    if (held === undefined) throw new Error("nothing is held");
    const object = held;
    held = undefined;
    tell({ type: "deleted", object, origin: "watch", finalStateUnknown: false });
  };
  return { templates, engine, wider, clock, store, remove };
};

test("are parsed once for a version, and not again for a status", async () => {
  const { templates, engine, wider, store } = rig();
  const config = store(configOf("x"));
  await templates.parsed(config, signal);
  const sameAgain = store({ ...configOf("x"), status: { matched: 1 } });
  expect(await templates.render(pod, sameAgain, signal)).toEqual({ ok: true, data: { a: "rendered" } });
  expect(engine.compiled).toEqual([{ a: "x" }]);
  expect(wider).toEqual([{ spec: { x: true } }]);
  await templates.parsed(store(configOf("y", 2)), signal);
  expect(engine.compiled).toEqual([{ a: "x" }, { a: "y" }]);
});

test("that could not be parsed in time are parsed again after ever longer, and that is no finding about them", async () => {
  const { templates, engine, wider, clock, store } = rig();
  engine.errors = [late];
  const config = store(configOf("x"));
  const asks = async () => {
    await templates.parsed(config, signal);
    expect(templates.isRead(config)).toBe(false);
    await expect(templates.problems(config, signal)).rejects.toThrow(DeadlineError);
  };
  for (const wait of [10_000, 20_000]) {
    await asks();
    const tries = engine.compiled.length;
    expect(templates.pauseOf(config)).toBe(wait);
    clock.advance(wait - 1);
    await asks();
    expect(engine.compiled).toHaveLength(tries);
    clock.advance(1);
  }
  engine.errors = [];
  expect(await templates.problems(config, signal)).toEqual([]);
  expect([templates.isRead(config), templates.pauseOf(config)]).toEqual([true, 0]);
  expect([engine.compiled.length, wider]).toEqual([3, [{ spec: { x: true } }]]);
});

test("that the engine could not take are told to whoever waits, and parsed again", async () => {
  const { templates, engine, store } = rig();
  engine.fault = new Error("no such file");
  const config = store(configOf("x"));
  await expect(templates.parsed(config, signal)).rejects.toThrow("no such file");
  engine.fault = undefined;
  await templates.parsed(config, signal);
  expect(templates.isRead(config)).toBe(true);
});

test("of a PodConfigMapConfig that is gone, or of an older version, are not kept", async () => {
  const { templates, engine, store, remove } = rig();
  const old = store(configOf("x"));
  await templates.parsed(old, signal);
  store(configOf("y", 2));
  await templates.render(pod, old, signal);
  await templates.parsed(store({ ...configOf("y", 2) }), signal);
  expect(engine.compiled).toEqual([{ a: "x" }, { a: "y" }, { a: "x" }]);
  remove();
  await templates.render(pod, old, signal);
  await templates.render(pod, old, signal);
  expect(engine.compiled).toHaveLength(5);
});

test("that took all their time once are rendered one at a time", async () => {
  const { templates, engine, store } = rig();
  const config = store(configOf("x"));
  await templates.parsed(config, signal);
  engine.render = async () => ({ values: {}, errors: [late] });
  expect(await templates.render(pod, config, signal)).toMatchObject({
    ok: false,
    faults: [{ key: "a", mayPass: true }],
  });

  let running = 0;
  let most = 0;
  const release = Promise.withResolvers<void>();
  engine.render = async () => {
    most = Math.max(most, ++running);
    await release.promise;
    running--;
    return { values: { a: "late" }, errors: [] };
  };
  const all = Array.from({ length: 10 }, () => templates.render(pod, config, signal));
  release.resolve();
  const outcomes = await Promise.all(all);
  expect(most).toBe(1);
  expect(outcomes.filter((outcome) => outcome !== undefined)).toEqual([{ ok: true, data: { a: "late" } }]);
});

test("a wait for the engine ends with the signal", async () => {
  const { templates, engine, store } = rig();
  engine.compileAll = () => new Promise(() => {});
  const config = store(configOf("x"));
  const stop = new AbortController();
  const waiting = Promise.allSettled([templates.parsed(config, stop.signal), templates.problems(config, stop.signal)]);
  stop.abort(new Error("stopping"));
  expect((await waiting).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});
