/*
 * Invariants, on a real API server with the committed CRD and no webhook:
 * - The pure function and the API server accept the same specs, and name the same fields of those that they refuse. Where CEL
 *   cannot say what the function says, the table has the reason.
 * - Rules of ours have the same words on both sides.
 * - The table of Pod fields is that of this API server.
 * - What the function accepts, out of thousands of specs that are put together at random, the API server stores.
 */
import { Client, defineResource, InvalidError } from "@pcmc/controller-runtime";
import { type Cluster, DEFAULT_VERSION, since, startCluster } from "@pcmc/devcluster";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missingField } from "../../src/admission/pod-schema.ts";
import { validatePodConfigMapConfig } from "../../src/admission/validate.ts";
import { fieldOf } from "../../src/api/conform.ts";
import type { PodConfigMapConfig } from "../../src/api/podconfigmapconfig.ts";
import { pcmc } from "../api/corpus.ts";
import { committedDefinition, install } from "../integration/support/definition.ts";
import { fixedConfig } from "../integration/support/manager.ts";
import { contentEngine as engine } from "./fixtures.ts";
import { someMetadata, someSpec } from "./generated.ts";
import { judgements } from "./judgements.ts";

const Configs = defineResource<PodConfigMapConfig>({
  apiVersion: "podconfig.example.com/v1alpha1",
  kind: "PodConfigMapConfig",
  plural: "podconfigmapconfigs",
  namespaced: true,
});

let cluster: Cluster;
let client: Client;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  await install(cluster, committedDefinition());
  client = new Client(fixedConfig(cluster));
});

afterAll(async () => {
  client?.close();
  await cluster?.stop();
});

/** What the API server says to the object: its errors as `field: message`, none when it would store it. */
const serverErrors = async (object: ReturnType<typeof pcmc>): Promise<readonly string[]> => {
  try {
    await client.create(Configs, object as PodConfigMapConfig, { dryRun: true });
    return [];
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    return (error.details?.causes ?? []).map(({ field = "", message }) => `${dotted(field)}: ${message}`);
  }
};

/** The API server writes the key of a map after a dot, and in brackets where a CEL rule is broken. */
const dotted = (field: string): string =>
  field.replaceAll(/\[(\w+)\]/g, (whole, key) => (/^\d+$/.test(key) ? whole : `.${key}`));

const ownErrors = async (object: unknown) =>
  (await validatePodConfigMapConfig(object, { engine })).filter(({ severity }) => severity === "error");

describe("both sides agree on", () => {
  const agreed = judgements.filter(({ apiServer }) => apiServer === "same");

  test.each(agreed)("$name", async ({ spec, error, isRule }) => {
    const [own, server] = await Promise.all([ownErrors(pcmc("judged", spec)), serverErrors(pcmc("judged", spec))]);
    expect(own.length > 0).toBe(error !== undefined);
    expect(server.length > 0).toBe(error !== undefined);
    const [first] = own;
    if (first === undefined) return;
    expect(server[0]).toContain(`${fieldOf(first.path)}: `);
    if (isRule) expect(server[0]).toContain(first.message);
  });
});

describe("beyond what CEL can say is", () => {
  const beyond = judgements.filter(({ apiServer }) => apiServer !== "same");

  test.each(beyond)("$name", async ({ spec }) => {
    expect(await serverErrors(pcmc("judged", spec))).toEqual([]);
  });
});

/** Both verdicts on many objects, some at a time: those that differ, and how many are accepted. */
const compare = async (objects: readonly ReturnType<typeof pcmc>[]) => {
  const wrong: unknown[] = [];
  let accepted = 0;
  for (let at = 0; at < objects.length; at += 32) {
    const verdicts = objects.slice(at, at + 32).map(async (object) => {
      const [own, server] = await Promise.all([ownErrors(object), serverErrors(object)]);
      if (own.length > 0 !== server.length > 0) wrong.push({ object, own, server });
      if (own.length === 0) accepted += 1;
    });
    await Promise.all(verdicts);
  }
  return { wrong, accepted };
};

/** A fixed seed: a failure is one to look at, not one of luck. */
const SEED = 5;

test("they agree on specs that are put together at random", async () => {
  const specs = fc.sample(someSpec, { seed: SEED, numRuns: 600 });
  const { wrong, accepted } = await compare(specs.map((spec) => pcmc("judged", spec)));
  expect(wrong).toEqual([]);
  expect(accepted).toBeGreaterThan(100);
  expect(accepted).toBeLessThan(500);
});

test("they agree on metadata that is put together at random", async () => {
  const all = fc.sample(someMetadata, { seed: SEED, numRuns: 200 });
  const { wrong, accepted } = await compare(
    all.map((metadata) => ({ ...pcmc("x", {}), metadata: { ...metadata, namespace: "default" } })),
  );
  expect(wrong).toEqual([]);
  expect(accepted).toBeGreaterThan(30);
  expect(accepted).toBeLessThan(170);
});

const generated = since(DEFAULT_VERSION, "the version that the list is generated from");

test.skipIf(generated.missing).each([
  ["spec", "PodSpec"],
  ["status", "PodStatus"],
])(`the fields of a Pod's %s are those of this API server${generated.note}`, async (part, type) => {
  const { components } = await cluster.request<{
    readonly components: { readonly schemas: Readonly<Record<string, { readonly properties?: object }>> };
  }>("GET", "/openapi/v3/api/v1");
  const fields = components.schemas[`io.k8s.api.core.v1.${type}`]?.properties ?? {};
  expect(missingField([part, "no such field"])?.known.toSorted()).toEqual(Object.keys(fields).sort());
});
