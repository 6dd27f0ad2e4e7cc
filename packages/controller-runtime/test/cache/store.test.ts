/*
 * Invariants, whatever others and we write, in whatever order the watch, the answers to our writes and lists come in:
 * - The store never goes back: no object is shown in a state older than one that it has shown, nor older than one that
 *   the answer to a write of ours has told. What we deleted does not reappear.
 * - Once all is told, the store holds exactly what the server has, and remembers nothing of our writes.
 * - Indexes agree with computing them anew.
 * - The changes, folded from empty, give the content of the store.
 * - A server whose history went back (etcd restored) is believed at the next list.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Change, type ListInProgress, Store } from "../../src/cache/store.ts";
import { type KeyString, keyOf } from "../../src/object.ts";
import { type Item, ModelServer } from "../support/model-server.ts";

/** The answer to a write of ours, on its way. */
interface Answer {
  readonly key: KeyString;
  readonly revision: number;
  readonly take: () => Change<Item> | undefined;
}

const NAMES = ["a", "b", "c"];
const indexers = { value: (item: Item) => item.data?.value, name: (item: Item) => [item.metadata.name, "all"] };

/** A store, a server, and all that is on its way between them. */
class World {
  readonly server = new ModelServer();
  readonly store: Store<Item>;
  readonly namespace: string;
  readonly folded = new Map<KeyString, Item>();
  readonly answers: Answer[] = [];
  /** Per key, the revision before which nothing may be shown any more. */
  readonly floors = new Map<KeyString, number>();
  /** The history went back, and with it everything that was seen of it. */
  restored = false;
  /** Up to where the watch has told; `undefined` = a list is wanted. */
  position: number | undefined;
  list: ListInProgress<Item> | undefined;
  /** What the server answers to the list; read at some time after it was asked for. */
  page: { readonly items: Item[]; readonly revision: number } | undefined;

  constructor(namespace: string) {
    this.namespace = namespace;
    this.store = new Store<Item>([namespace]);
    this.store.addIndexers(indexers);
    this.relist();
    this.finishList();
  }

  write(name: string, { own, data, selected }: { own: boolean; data: string; selected: boolean }): void {
    const object = this.server.put("ns", name, { data, selected });
    const revision = this.server.revision;
    if (own) this.answers.push({ key: keyOf(object), revision, take: () => this.store.upsert(object, "write") });
  }

  /** We delete what we see: in the store, or, reading around it, at the server. */
  delete(name: string, { own, around }: { own: boolean; around: boolean }): void {
    const key = `ns/${name}`;
    const there = this.server.get(key);
    if (there === undefined) {
      if (own) this.findGone(key);
      return;
    }
    const object = around ? there : this.store.get(key);
    if (own && object?.metadata.resourceVersion !== there.metadata.resourceVersion) return;
    this.server.delete(key);
    if (own) this.answers.push({ key, revision: this.server.revision, take: () => this.store.removeOwn(there) });
  }

  /** We delete what the server has no more. */
  findGone(key: KeyString): void {
    const held = this.store.get(key) ?? this.server.history.findLast((step) => step.key === key)?.before;
    if (held === undefined) return;
    const { uid } = held.metadata;
    const end = this.server.history.find(
      (step) => step.before?.metadata.uid === uid && step.object?.metadata.uid !== uid,
    );
    if (end === undefined) return;
    this.answers.push({ key, revision: end.revision, take: () => this.store.removeOwn(held) });
  }

  answer(which: number): void {
    const [answer] = this.answers.splice(which % Math.max(1, this.answers.length), 1);
    if (answer === undefined) return;
    this.fold(answer.take());
    this.floors.set(answer.key, Math.max(answer.revision, this.floors.get(answer.key) ?? 0));
  }

  /** The watch tells its next event, if there is one. */
  tell(): boolean {
    if (this.position === undefined) return false;
    const [event] = this.server.eventsAfter(this.position);
    if (event === undefined) return false;
    this.fold(event.type === "DELETED" ? this.store.remove(event.object) : this.#take(event.object));
    this.progress(event.revision);
    return true;
  }

  /** As a watch does: a state that is there already is confirmed, and not read a second time. */
  #take(object: Item): Change<Item> | undefined {
    const { name, namespace = "", uid, resourceVersion } = object.metadata;
    if (this.store.confirm({ name, namespace, uid, resourceVersion })) return undefined;
    return this.store.upsert(object, "watch");
  }

  /** A bookmark, as far as the watch may go without an event. */
  bookmark(): void {
    if (this.position === undefined) return;
    const [event] = this.server.eventsAfter(this.position);
    this.progress(event === undefined ? this.server.revision : event.revision - 1);
  }

  progress(revision: number): void {
    this.position = revision;
    for (const change of this.store.progress(this.namespace, String(revision))) this.fold(change);
  }

  /** A list begins; one that is under way is given up. */
  relist(): void {
    this.position = undefined;
    this.list = this.store.beginList(this.namespace);
    this.page = undefined;
  }

  listSome(count: number): void {
    this.page ??= { items: this.server.selected(), revision: this.server.revision };
    for (const item of this.page.items.splice(0, count)) this.fold(this.list?.add(item));
  }

  finishList(): void {
    if (this.list === undefined) return;
    this.listSome(Number.POSITIVE_INFINITY);
    const revision = this.page?.revision ?? 0;
    for (const change of this.list.finish(String(revision))) this.fold(change);
    this.position = revision;
    this.list = undefined;
  }

  restore(by: number): void {
    this.server.rewind(Math.max(100, this.server.revision - by));
    // Its connections are gone with it.
    this.answers.length = 0;
    this.restored = true;
    this.relist();
    this.finishList();
  }

  fold(change: Change<Item> | undefined): void {
    if (change === undefined) return;
    const key = keyOf(change.object);
    if (change.type === "updated") expect(contentOf(this.folded.get(key))).toEqual(contentOf(change.old));
    expect(this.folded.has(key)).toBe(change.type !== "added");
    if (change.type === "deleted") this.folded.delete(key);
    else this.folded.set(key, change.object);
  }

  /** All is told. */
  settle(): void {
    while (this.answers.length > 0) this.answer(0);
    this.finishList();
    while (this.tell());
    this.bookmark();
  }

  /** The revision at which what is shown of `key` became so, not before the floor; `undefined` = it never was so since. */
  shownSince(key: KeyString, floor: number): number | undefined {
    const shown = this.store.get(key);
    if (shown !== undefined) {
      const since = Number(shown.metadata.resourceVersion);
      return since >= floor ? since : undefined;
    }
    const steps = this.server.history.filter((step) => step.key === key);
    const last = steps.findLast((step) => step.revision <= floor);
    const isAbsent = (object: Item | undefined) => object?.metadata.labels?.selected !== "true";
    if (isAbsent(last?.object)) return floor;
    return steps.find((step) => step.revision > floor && isAbsent(step.object))?.revision;
  }

  check(): void {
    if (!this.restored) this.checkTime();
    this.checkContent();
  }

  checkTime(): void {
    for (const name of NAMES) {
      const key = `ns/${name}`;
      const since = this.shownSince(key, this.floors.get(key) ?? 0);
      expect(since, `${key} is not older than ${this.floors.get(key)}`).toBeDefined();
      if (since !== undefined) this.floors.set(key, since);
    }
  }

  checkContent(): void {
    const held = [...this.store.values()];
    expect(toContents(this.folded.values())).toEqual(toContents(held));
    expect(this.store.size).toBe(held.length);
    expect(keysOf(this.store.inNamespace("ns"))).toEqual(keysOf(held));
    for (const value of ["0", "1", "2"]) {
      const found = held.filter((item) => item.data?.value === value);
      expect(keysOf(this.store.byIndex("value", value))).toEqual(keysOf(found));
      expect(this.store.countByIndex("value", value)).toBe(found.length);
    }
    expect(keysOf(this.store.byIndex("name", "all"))).toEqual(keysOf(held));
  }
}

const contentOf = (item: Item | undefined) =>
  item && { key: keyOf(item), uid: item.metadata.uid, value: item.data?.value, labels: item.metadata.labels };
const toContents = (items: Iterable<Item>) => [...items].map(contentOf).sort((a, b) => compare(a?.key, b?.key));
const keysOf = (items: readonly Item[]) => items.map(keyOf).sort();
const compare = (a = "", b = "") => (a < b ? -1 : 1);

/** What happens in a world, as data: a counterexample is to be read. */
type Operation =
  | { does: "write"; name: string; own: boolean; data: string; selected: boolean }
  | { does: "delete"; name: string; own: boolean; around: boolean }
  | { does: "answer"; which: number }
  | { does: "listSome"; count: number }
  | { does: "restore"; by: number }
  | { does: "tell" | "bookmark" | "relist" | "finishList" | "tick" };

const does = <T extends string>(what: T) => fc.constant(what);
const name = fc.constantFrom(...NAMES);
const write = fc.record({
  does: does("write"),
  name,
  own: fc.boolean(),
  data: fc.constantFrom("0", "1", "2"),
  selected: fc.constantFrom(true, true, false),
});
const remove = fc.record({ does: does("delete"), name, own: fc.boolean(), around: fc.boolean() });
const restore = fc.record({ does: does("restore"), by: fc.integer({ min: 1, max: 10 }) });
const ordinary: { arbitrary: fc.Arbitrary<Operation>; weight: number }[] = [
  { arbitrary: write, weight: 6 },
  { arbitrary: remove, weight: 4 },
  { arbitrary: fc.record({ does: does("answer"), which: fc.nat(5) }), weight: 6 },
  { arbitrary: fc.record({ does: does("tell") }), weight: 8 },
  { arbitrary: fc.record({ does: does("bookmark") }), weight: 2 },
  { arbitrary: fc.record({ does: does("tick") }), weight: 1 },
  { arbitrary: fc.record({ does: does("relist") }), weight: 2 },
  { arbitrary: fc.record({ does: does("listSome"), count: fc.nat(2) }), weight: 2 },
  { arbitrary: fc.record({ does: does("finishList") }), weight: 2 },
];
/** Long from the start: short ones find little. */
const LENGTH = { minLength: 10, maxLength: 40, size: "max" } as const;

const apply = (world: World, operation: Operation): void => {
  if (operation.does === "write") world.write(operation.name, operation);
  else if (operation.does === "delete") world.delete(operation.name, operation);
  else if (operation.does === "answer") world.answer(operation.which);
  else if (operation.does === "listSome") world.listSome(operation.count);
  else if (operation.does === "restore") world.restore(operation.by);
  else if (operation.does === "tick") world.server.tick();
  else world[operation.does]();
};

const run = (world: World, operations: readonly Operation[]): void => {
  for (const operation of operations) {
    apply(world, operation);
    world.check();
  }
  world.settle();
  world.check();
  const versions = (items: Iterable<Item>) => [...items].map((i) => `${keyOf(i)}@${i.metadata.resourceVersion}`).sort();
  expect(versions(world.store.values())).toEqual(versions(world.server.selected()));
  expect(world.store.unconfirmed).toBe(0);
};

describe("Store", () => {
  test("takes no answer that comes after the news that the object has gone again", () => {
    const world = new World("");
    world.write("a", { own: true, data: "0", selected: true });
    world.delete("a", { own: false, around: false });
    while (world.tell());
    world.answer(0);
    expect(world.store.size).toBe(0);
  });

  test("keeps what we brought back into the selection when the watch tells that it had left", () => {
    const world = new World("");
    world.write("a", { own: false, data: "0", selected: true });
    world.tell();
    world.write("a", { own: false, data: "0", selected: false });
    world.write("a", { own: true, data: "0", selected: true });
    world.answer(0);
    world.tell();
    expect(world.store.get("ns/a")?.metadata.resourceVersion).toBe("103");
  });

  test("does not bring back, state by state, what was found gone while the watch was far behind", () => {
    const world = new World("");
    world.write("a", { own: false, data: "0", selected: true });
    const read = world.server.get("ns/a");
    world.write("a", { own: false, data: "1", selected: true });
    world.delete("a", { own: false, around: false });
    if (read !== undefined) world.store.removeOwn(read);
    while (world.tell()) expect(world.store.size).toBe(0);
    expect(world.store.unconfirmed).toBe(0);
  });

  test("does not bring back what we deleted last when the answer to a deletion before it comes late", () => {
    const world = new World("");
    for (let i = 0; i < 2; i++) {
      world.write("a", { own: false, data: "0", selected: true });
      world.delete("a", { own: true, around: true });
    }
    world.answer(1);
    world.answer(0);
    while (world.tell()) expect(world.store.size).toBe(0);
    expect(world.store.unconfirmed).toBe(0);
  });

  test("does not bring back what we deleted again while a list was under way", () => {
    const world = new World("");
    const createAndDelete = () => {
      world.write("a", { own: false, data: "0", selected: true });
      world.delete("a", { own: true, around: true });
      world.answer(0);
    };
    createAndDelete();
    world.relist();
    world.listSome(0);
    createAndDelete();
    world.finishList();
    while (world.tell()) expect(world.store.size).toBe(0);
    expect(world.store.unconfirmed).toBe(0);
  });

  test("takes a deletion of ours for undone when a list that was asked for after it has the object", () => {
    const world = new World("");
    world.write("a", { own: false, data: "0", selected: true });
    world.delete("a", { own: true, around: true });
    world.answer(0);
    world.restore(1);
    expect([...world.store.values()].map(keyOf)).toEqual(["ns/a"]);
  });

  test("notes nothing of a deletion that the watch has told before", () => {
    const world = new World("");
    world.write("a", { own: false, data: "0", selected: true });
    world.delete("a", { own: true, around: true });
    while (world.tell());
    world.answer(0);
    expect(world.store.unconfirmed).toBe(0);
  });

  test("keeps what we wrote while a list was under way that cannot know it, and drops what the list knows to be gone", () => {
    const world = new World("");
    world.write("a", { own: true, data: "0", selected: true });
    world.answer(0);
    world.delete("a", { own: false, around: false });
    world.relist();
    world.write("b", { own: true, data: "0", selected: true });
    world.answer(0);
    world.finishList();
    expect([...world.store.values()].map(keyOf)).toEqual(["ns/b"]);
  });

  test("takes the word of a list from before a write of ours when the history went back meanwhile", () => {
    const world = new World("");
    world.write("a", { own: false, data: "0", selected: true });
    world.tell();
    for (let i = 0; i < 5; i++) world.server.tick();
    world.bookmark();
    world.write("a", { own: true, data: "1", selected: true });
    world.relist();
    world.answer(0);
    world.server.rewind(104);
    world.finishList();
    expect(world.store.get("ns/a")?.metadata.resourceVersion).toBe("101");
    expect(world.store.unconfirmed).toBe(0);
  });

  test("never goes back, and ends with what the server has", () => {
    fc.assert(
      fc.property(fc.constantFrom("", "ns"), fc.array(fc.oneof(...ordinary), LENGTH), (namespace, operations) =>
        run(new World(namespace), operations),
      ),
      { numRuns: 500 },
    );
  });

  test("ends with what the server has, also when its history goes back", () => {
    const operations = fc.array(fc.oneof(...ordinary, { arbitrary: restore, weight: 1 }), LENGTH);
    fc.assert(
      fc.property(operations, (operations) => {
        run(new World(""), operations);
      }),
      { numRuns: 200 },
    );
  });
});
