/*
 * Invariants, on a real API server with the committed CRD:
 * - The CRD is accepted and established: its schema is structural and its rules are within the cost budget.
 * - What users rely on beyond single specs holds: defaults, the status subresource, the columns of kubectl. Which specs are
 *   accepted is judged in test/admission/judgements.integration.test.ts.
 */
import { readFileSync } from "node:fs";
import { ApiStatusError, type Cluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { pcmc } from "./corpus.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const PCMCS = "/apis/podconfig.example.com/v1alpha1/namespaces/default/podconfigmapconfigs";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  const crd = parse(readFileSync(new URL("../../../../crd/podconfigmapconfig_crd.yaml", import.meta.url), "utf8"));
  await cluster.request("POST", CRDS, crd);
  // Served = established: before that the path is not found.
  await vi.waitFor(() => cluster.request("GET", PCMCS), { timeout: 30_000, interval: 50 });
});

afterAll(async () => {
  await cluster?.stop();
});

const create = (object: unknown, query = "?dryRun=All&fieldValidation=Strict") =>
  cluster.request("POST", `${PCMCS}${query}`, object);

const refusal = async (object: unknown): Promise<string> => {
  try {
    await create(object);
  } catch (error) {
    if (error instanceof ApiStatusError) return error.message;
    throw error;
  }
  return "";
};

test("an unknown field is refused where the client asks for that, as kubectl does", async () => {
  expect(await refusal(pcmc("unknown", { podSelector: { matchLabel: {} } }))).toContain("spec.podSelector.matchLabel");
});

test("defaults are filled in where the contract has some, and only there", async () => {
  await create(pcmc("defaults", { ebpfConfig: { l4Firewall: { enabled: true } } }), "");
  const { spec } = await cluster.request<{ spec: unknown }>("GET", `${PCMCS}/defaults`);
  expect(spec).toEqual({
    ebpfConfig: {
      onFailure: "allow",
      l4Firewall: { enabled: true, direction: "ingress", mode: "enforce", establishedConnections: "keep" },
    },
  });
});

test("a status write leaves the generation as it is", async () => {
  await create(pcmc("status", {}), "");
  const stored = await cluster.request<{ metadata: { generation: number } }>("GET", `${PCMCS}/status`);
  const status = {
    observedGeneration: 1,
    matched: 2,
    failed: 1,
    conditions: [
      {
        type: "Ready",
        status: "False",
        reason: "TooLarge",
        message: "m",
        lastTransitionTime: "2026-01-01T00:00:00Z",
        observedGeneration: 1,
      },
    ],
  };
  const after = await cluster.request<{ metadata: { generation: number }; status: unknown }>(
    "PUT",
    `${PCMCS}/status/status`,
    { ...stored, status },
  );
  expect(after.metadata.generation).toBe(stored.metadata.generation);
  expect(after.status).toEqual(status);
});

test("kubectl get pcmc shows the columns that users know and the new ones", async () => {
  const object = pcmc("columns", { podSelector: { matchLabels: { app: "web" } } });
  await create(object, "");
  const { stdout } = await cluster.kubectl(["get", "pcmc", "columns"]);
  const [header, row] = stdout.trim().split("\n");
  expect(header?.split(/\s{2,}/).map((column) => column.trim())).toEqual([
    "NAME",
    "OBSERVEDGENERATION",
    "PODSELECTORMATCHLABELS",
    "MATCHED",
    "READY",
    "FAILED",
    "REASON",
    "AGE",
  ]);
  expect(row).toContain('{"app":"web"}');
});
