/*
 * Invariants:
 * - The NetworkPolicy of docs/reference/admission.md is one that the API server takes as it stands there.
 * - It is for the Pods of the Deployment, lets only named addresses to the port of the webhook, and leaves that of the probes open.
 */
import { readFile } from "node:fs/promises";
import { type Cluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
});
afterAll(() => cluster.stop());

const textOf = (path: string) => readFile(new URL(`../../../../${path}`, import.meta.url), "utf8");

const documented = async (): Promise<string> => {
  const blocks = [...(await textOf("docs/reference/admission.md")).matchAll(/```yaml\n([\s\S]*?)```/g)].map(
    ([, block = ""]) => block,
  );
  const found = blocks.filter((block) => block.includes("kind: NetworkPolicy"));
  expect(found).toHaveLength(1);
  return found.join("");
};

const deployment = async () =>
  parseAllDocuments(await textOf("manifests/deployment.yaml"))
    .map((document) => document.toJS())
    .find(({ kind }) => kind === "Deployment");

test("the documented NetworkPolicy can be applied, and keeps all but the API server from the webhook", async () => {
  const input = await documented();
  const { stdout, stderr, exitCode } = await cluster.kubectl(["apply", "-f", "-", "-o", "yaml"], { input });
  expect([exitCode, stderr]).toEqual([0, ""]);
  const { spec } = parse(stdout);
  const { template } = (await deployment()).spec;
  expect(spec.podSelector.matchLabels).toEqual(template.metadata.labels);
  const [container] = template.spec.containers;
  const portOf = (name: string): number =>
    container.ports.find((port: { readonly name: string }) => port.name === name).containerPort;
  expect(spec.ingress).toEqual([
    {
      from: [{ ipBlock: { cidr: "192.0.2.10/32" } }],
      ports: [{ port: portOf("webhook"), protocol: "TCP" }],
    },
    { ports: [{ port: portOf("metrics"), protocol: "TCP" }] },
  ]);
});
