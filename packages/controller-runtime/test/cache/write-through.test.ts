/*
 * Invariants
 * - What a write answered is read from then on, with the projection of the informer.
 * - A deletion that finds nothing has reached its goal.
 */
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { Informer } from "../../src/cache/informer.ts";
import { type WriteThrough, writeThrough } from "../../src/cache/write-through.ts";
import type { Client } from "../../src/client/client.ts";
import type { Projection } from "../../src/decode/projection.ts";
import { silentLogger } from "../../src/log.ts";
import { ConfigMaps } from "../../src/resource.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type Item, ModelServer } from "../support/model-server.ts";
import { refusal, ScriptedApi } from "../support/scripted-api.ts";

/** The verbs of a client that write, on a model server. */
class Writer implements Pick<Client, "create" | "update" | "updateStatus" | "delete"> {
  readonly server = new ModelServer();
  /** What the next deletion answers: nothing = gone, an object = still there, an error. */
  remaining: Item | Error | undefined;
  readonly projections: (Projection | undefined)[] = [];
  readonly create = this.#put.bind(this) as Client["create"];
  readonly update = this.#put.bind(this) as Client["update"];
  readonly updateStatus = this.#put.bind(this) as Client["updateStatus"];
  readonly delete = this.#delete.bind(this) as Client["delete"];

  async #put(_resource: unknown, object: ConfigMap, options: { project?: Projection } = {}): Promise<Item> {
    this.projections.push(options.project);
    return this.server.put("ns", object.metadata?.name ?? "", { data: object.data?.value ?? "" });
  }

  async #delete(): Promise<Item | undefined> {
    if (this.remaining instanceof Error) throw this.remaining;
    return this.remaining;
  }
}

let client: Writer;
let informer: Informer<ConfigMap>;
let writer: WriteThrough<ConfigMap>;

beforeEach(() => {
  const clock = new FakeClock();
  client = new Writer();
  informer = new Informer<ConfigMap>({
    client: new ScriptedApi(client.server, clock),
    resource: ConfigMaps,
    scope: { namespaces: [""] },
    projection: { data: true },
    clock,
    random: () => 0,
    log: silentLogger,
  });
  // The verbs that are used are there.
  writer = writeThrough(client as unknown as Client, informer);
});

const map = (name: string, value = ""): ConfigMap => ({ metadata: { namespace: "ns", name }, data: { value } });
const origins = () => {
  const told: string[] = [];
  informer.onChange(({ type, origin }) => told.push(`${type} by ${origin}`));
  return told;
};

describe("writeThrough", () => {
  test("makes what was created, updated and deleted known at once, as ours", async () => {
    const told = origins();
    const created = await writer.create(map("a"));
    expect(informer.get("ns/a")).toBe(created);
    const changed: ConfigMap = { ...created, data: { value: "1" } };
    const updated = await writer.update(changed);
    expect(informer.get("ns/a")).toBe(updated);
    await writer.delete(updated);
    expect(informer.get("ns/a")).toBeUndefined();
    expect(told).toEqual(["added by write", "updated by write", "deleted by write"]);
    expect(client.projections).toEqual([{ data: true }, { data: true }]);
  });

  test("does not take an update without resourceVersion for ours: others may have changed the object before", async () => {
    await writer.create(map("a"));
    const told = origins();
    await writer.update(map("a", "1"));
    expect(told.at(-1)).toBe("updated by watch");
  });

  test("keeps an object that finalizers hold", async () => {
    const created = await writer.create(map("a"));
    const { metadata } = created;
    client.remaining = {
      ...created,
      metadata: { ...metadata, resourceVersion: "200", deletionTimestamp: "2026-01-01T00:00:00Z" },
    };
    await writer.delete(created);
    expect(informer.get("ns/a")).toBe(client.remaining);
  });

  test("takes an object that is gone already for deleted", async () => {
    const created = await writer.create(map("a"));
    client.remaining = refusal(404, "NotFound");
    await writer.delete(created);
    expect(informer.get("ns/a")).toBeUndefined();
  });

  test("notes nothing when a deletion fails", async () => {
    const created = await writer.create(map("a"));
    client.remaining = refusal(409, "Conflict");
    await expect(writer.delete(created)).rejects.toBe(client.remaining);
    expect(informer.get("ns/a")).toBe(created);
  });
});
