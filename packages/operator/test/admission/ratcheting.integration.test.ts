/*
 * Invariants, on a real API server whose CRD was lax when the objects were stored, and is the committed one now:
 * - A stored object that today's rules refuse can be given a status, labels and finalizers, and can be deleted.
 * - What is sound in it can be changed; what is not, only for the better.
 * - The pure checks with the handler's view of an update agree with that.
 */
import { ApiStatusError, type Cluster, since, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { podConfigMapConfigHandler } from "../../src/admission/handler.ts";
import { pcmc } from "../api/corpus.ts";
import { committedDefinition, install, laxDefinition } from "../integration/support/definition.ts";
import { eventually } from "../integration/support/eventually.ts";
import { context, createRequest, contentEngine as engine } from "./fixtures.ts";

const CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/podconfigmapconfigs.podconfig.example.com";
const PCMCS = "/apis/podconfig.example.com/v1alpha1/namespaces/default/podconfigmapconfigs";
const MERGE = { contentType: "application/merge-patch+json" };

/** What older definitions let in, a value that is as bad, and one that mends it. */
const STORED = [
  {
    name: "colliding-keys",
    spec: { labelsToInclude: ["a/b", "a_b"] },
    worse: { labelsToInclude: ["a/b", "a_b", "c"] },
    mended: { labelsToInclude: ["a/b"] },
  },
  {
    name: "in-without-values",
    spec: { podSelector: { matchExpressions: [{ key: "a", operator: "In" }] } },
    worse: { podSelector: { matchExpressions: [{ key: "b", operator: "In" }] } },
    mended: { podSelector: { matchExpressions: [{ key: "a", operator: "Exists" }] } },
  },
  {
    name: "bad-data-key",
    spec: { configMapDataTemplate: { "a/b": "x" } },
    worse: { configMapDataTemplate: { "a/b": "y" } },
    mended: { configMapDataTemplate: { "a/b": null, a: "x" } },
  },
  {
    name: "bad-duration",
    spec: { ebpfConfig: { metricsExport: { updateInterval: "5" } } },
    worse: { ebpfConfig: { metricsExport: { updateInterval: "6" } } },
    mended: { ebpfConfig: { metricsExport: { updateInterval: "6s" } } },
  },
  {
    name: "port-zero",
    spec: { ebpfConfig: { l4Firewall: { allowedPorts: [0] } } },
    worse: { ebpfConfig: { l4Firewall: { allowedPorts: [0, 1] } } },
    mended: { ebpfConfig: { l4Firewall: { allowedPorts: [1] } } },
  },
  {
    name: "unknown-action",
    spec: { ebpfConfig: { l4Firewall: { defaultAction: "deny" } } },
    worse: { ebpfConfig: { l4Firewall: { defaultAction: "drop" } } },
    mended: { ebpfConfig: { l4Firewall: { defaultAction: "block" } } },
  },
];

interface Held {
  readonly metadata: { readonly generation: number; readonly resourceVersion: string };
  readonly spec: unknown;
}

/** Before, such an object takes no write at all, of status or metadata either, until it is mended. */
const ratcheting = since("1.30", "ratcheting of a CRD's validation");

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  await install(cluster, laxDefinition());
  for (const { name, spec } of STORED) await cluster.request("POST", PCMCS, pcmc(name, spec));
  const { spec } = committedDefinition();
  await cluster.request("PATCH", CRD, { spec }, MERGE);
  await eventually("the committed definition is in force", () =>
    cluster.request("POST", `${PCMCS}?dryRun=All`, pcmc("probe", STORED[0]?.spec)).then(
      () => false,
      () => true,
    ),
  );
});

afterAll(async () => {
  await cluster?.stop();
});

const patch = (name: string, body: unknown, subresource = "") =>
  cluster.request<Held>("PATCH", `${PCMCS}/${name}${subresource}`, body, MERGE);

const isRefused = async (write: Promise<unknown>): Promise<boolean> => {
  try {
    await write;
    return false;
  } catch (error) {
    if (error instanceof ApiStatusError && error.reason === "Invalid") return true;
    throw error;
  }
};

/** What our handler says to the same change. */
const handlerRefuses = async (before: Held, after: Held | ReturnType<typeof pcmc>): Promise<boolean> => {
  const request = { ...createRequest({ ...after }), operation: "UPDATE" as const, oldObject: { ...before } };
  const { allowed } = await podConfigMapConfigHandler({ engine })(request, context);
  return !allowed;
};

describe.each(STORED)("the stored $name", ({ name, spec, worse, mended }) => {
  test.skipIf(ratcheting.missing)(`takes a status${ratcheting.note}`, async () => {
    const status = { observedGeneration: 1, matched: 0, failed: 0 };
    expect(await patch(name, { status }, "/status")).toMatchObject({ status });
  });

  test.skipIf(ratcheting.missing)(`takes labels and finalizers, and gives them back${ratcheting.note}`, async () => {
    await patch(name, { metadata: { labels: { seen: "yes" }, finalizers: ["example.com/hold"] } });
    await patch(name, { metadata: { labels: null, finalizers: null } });
  });

  test.skipIf(ratcheting.missing)(`takes a change of something that is sound${ratcheting.note}`, async () => {
    const before = await cluster.request<Held>("GET", `${PCMCS}/${name}`);
    const after = await patch(name, { spec: { annotationsToInclude: ["owner"] } });
    expect(after.metadata.generation).toBe(before.metadata.generation + 1);
    expect(after.spec).toMatchObject(spec);
    expect(await handlerRefuses(before, after)).toBe(false);
  });

  test("takes no change that leaves it as bad", async () => {
    const before = await cluster.request<Held>("GET", `${PCMCS}/${name}`);
    expect(await isRefused(patch(name, { spec: worse }))).toBe(true);
    expect(await handlerRefuses(before, pcmc(name, worse))).toBe(true);
  });

  test("can be mended, and deleted", async () => {
    const before = await cluster.request<Held>("GET", `${PCMCS}/${name}`);
    const after = await patch(name, { spec: mended });
    expect(await handlerRefuses(before, after)).toBe(false);
    await cluster.request("DELETE", `${PCMCS}/${name}`);
  });
});
