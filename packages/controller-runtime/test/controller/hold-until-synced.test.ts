/*
 * Invariants
 * - A key is reconciled only while all informers are complete in its namespace; other namespaces do not wait for that.
 * - A key that was held is enqueued once its namespace is complete, once, and none is lost.
 */
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { holdUntilSynced, type SyncState } from "../../src/controller/hold-until-synced.ts";
import { silentLogger } from "../../src/log.ts";
import { Priority } from "../../src/queue/priority.ts";

/** An informer as far as it matters here. */
class Steps implements SyncState {
  readonly #synced = new Set<string>();
  readonly #listeners = new Set<() => void>();

  get listeners(): number {
    return this.#listeners.size;
  }

  syncedIn(namespace: string): boolean {
    return this.#synced.has(namespace);
  }

  onSynced(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  sync(namespace: string): void {
    this.#synced.add(namespace);
    for (const listener of this.#listeners) listener();
  }

  lose(namespace: string): void {
    this.#synced.delete(namespace);
  }
}

const rig = () => {
  const [pods, configs] = [new Steps(), new Steps()];
  const reconciled: string[] = [];
  const enqueued: string[] = [];
  const held = holdUntilSynced([pods, configs], (key) => {
    reconciled.push(key);
    return { requeueAfter: 5 };
  });
  const end = held.watch.start((key, priority) => enqueued.push(`${key} ${priority}`));
  const { signal } = new AbortController();
  const context = { signal, end: signal, log: silentLogger, attempts: 0 };
  return { pods, configs, reconciled, enqueued, end, reconcile: (key: string) => held.reconcile(key, context) };
};

describe("holdUntilSynced", () => {
  let it: ReturnType<typeof rig>;
  beforeEach(() => {
    it = rig();
  });

  test("lets keys of complete namespaces pass, with what the reconcile returns", () => {
    for (const informer of [it.pods, it.configs]) informer.sync("shop");
    expect(it.reconcile("shop/a")).toEqual({ requeueAfter: 5 });
    expect(it.reconcile("office/a")).toBeUndefined();
    expect(it.reconciled).toEqual(["shop/a"]);
  });

  test("brings held keys back when the last informer has their namespace, once each, as bulk", () => {
    for (const key of ["shop/a", "shop/b", "shop/a", "office/a"]) it.reconcile(key);
    it.pods.sync("shop");
    expect(it.enqueued).toEqual([]);
    it.configs.sync("shop");
    it.configs.sync("shop");
    expect(it.enqueued).toEqual([`shop/a ${Priority.bulk}`, `shop/b ${Priority.bulk}`]);
  });

  test("brings nothing back once it has ended", () => {
    it.reconcile("shop/a");
    it.end();
    for (const informer of [it.pods, it.configs]) informer.sync("shop");
    expect(it.enqueued).toEqual([]);
    expect([it.pods.listeners, it.configs.listeners]).toEqual([0, 0]);
  });
});

const namespace = fc.constantFrom("a", "b");
const step = fc.oneof(
  fc.record({ kind: fc.constant("key" as const), namespace, name: fc.constantFrom("x", "y") }),
  fc.record({ kind: fc.constantFrom("sync" as const, "lose" as const), namespace, which: fc.nat(1) }),
);

test("no key is reconciled in part, and none is lost", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const it = rig();
      const wanted = new Set<string>();
      const informers = [it.pods, it.configs];
      const isComplete = (name: string) => informers.every((informer) => informer.syncedIn(name));
      for (const one of steps) {
        if (one.kind === "key") {
          const key = `${one.namespace}/${one.name}`;
          const before = it.reconciled.length;
          it.reconcile(key);
          expect(it.reconciled.length > before).toBe(isComplete(one.namespace));
          if (!isComplete(one.namespace)) wanted.add(key);
        } else informers[one.which]?.[one.kind](one.namespace);
        // What was enqueued is no longer held.
        for (const line of it.enqueued.splice(0)) expect(wanted.delete(line.split(" ")[0] ?? "")).toBe(true);
      }
      for (const name of ["a", "b"]) for (const informer of informers) informer.sync(name);
      for (const line of it.enqueued) wanted.delete(line.split(" ")[0] ?? "");
      expect([...wanted]).toEqual([]);
    }),
  );
});
