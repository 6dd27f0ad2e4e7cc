/*
 * Invariants:
 * - A namespace is forgotten when the last of all informers has nothing left in it, and not sooner.
 * - An informer that several groups name counts once, and tells once.
 */
import type { KubernetesObject } from "@pcmc/controller-runtime";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Holder, Namespaces } from "../../src/metrics/namespaces.ts";

type Handler = Parameters<Holder["onChange"]>[0];

/** An informer, as far as it counts objects. */
class FakeInformer implements Holder {
  readonly #counts = new Map<string, number>();
  readonly handlers: Handler[] = [];

  countIn(namespace: string): number {
    return this.#counts.get(namespace) ?? 0;
  }

  onChange(handler: Handler): void {
    this.handlers.push(handler);
  }

  add(namespace: string): void {
    this.#counts.set(namespace, this.countIn(namespace) + 1);
  }

  delete(namespace: string): void {
    if (this.countIn(namespace) === 0) return;
    this.#counts.set(namespace, this.countIn(namespace) - 1);
    const object = { metadata: { name: "gone", namespace } } satisfies KubernetesObject;
    // A handler looks at the type and the namespace of what changed, and at nothing else.
    for (const handler of this.handlers) handler({ type: "deleted", object } as Parameters<Handler>[0]);
  }
}

const NAMESPACES = ["shop", "office"];

test("a namespace is forgotten by the deletion of the last object that any informer has in it", () => {
  const step = fc.record({
    informer: fc.nat({ max: 2 }),
    namespace: fc.constantFrom(...NAMESPACES),
    added: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const informers = [new FakeInformer(), new FakeInformer(), new FakeInformer()];
      const namespaces = new Namespaces();
      for (const informer of informers) namespaces.heldBy(informer);
      const forgotten: string[] = [];
      namespaces.onGone((namespace) => forgotten.push(namespace));
      const left = (namespace: string) => informers.reduce((sum, each) => sum + each.countIn(namespace), 0);
      for (const { informer, namespace, added } of steps) {
        const before = [left(namespace), forgotten.length];
        if (added) informers[informer]?.add(namespace);
        else informers[informer]?.delete(namespace);
        const isLast = before[0] === 1 && left(namespace) === 0;
        expect(forgotten.slice(before[1])).toEqual(isLast ? [namespace] : []);
      }
    }),
  );
});

test("an informer that two groups name is listened to once", () => {
  const informer = new FakeInformer();
  const namespaces = new Namespaces();
  namespaces.heldBy(informer);
  namespaces.heldBy(informer);
  expect(informer.handlers).toHaveLength(1);
});
