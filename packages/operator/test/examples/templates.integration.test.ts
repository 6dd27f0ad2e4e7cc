/*
 * The examples and docs/how-to/write-templates.md in a cluster, with the manager and its webhook as users run them.
 *
 * Invariants:
 * - The API server takes all ten examples, without a warning; the controller makes of their Pods what `preview` does.
 * - What the guide shows of kubectl is what kubectl shows.
 */
import { readdirSync, readFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { type Cluster, freePort, resolveAssets, startCluster } from "@pcmc/devcluster";
import type { ConfigMap, Pod } from "kubernetes-types/core/v1.d.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { committedDefinition, install } from "../integration/support/definition.ts";
import { eventually } from "../integration/support/eventually.ts";
import { ManagerProcess } from "../integration/support/manager-process.ts";
import { guideFolder, isLive, ROOT, runIn, sessions } from "./guide.ts";

const FOLDER = join(ROOT, "examples/templates");
const examples = readdirSync(FOLDER).filter((file) => file.endsWith(".yaml"));
/** The namespaces of the Pods. */
const NAMESPACES = ["data", "shop", "tools"];

let cluster: Cluster;
let manager: ManagerProcess;

beforeAll(async () => {
  // Nobody removes Pods of nodes that are not there.
  cluster = await startCluster({ controllerManager: false });
  await install(cluster, committedDefinition());
  for (const name of NAMESPACES) {
    await cluster.request("POST", "/api/v1/namespaces", { metadata: { name } });
    await cluster.request("POST", `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: "default" } });
  }
  const address = `127.0.0.1:${await freePort()}`;
  const webhook = { WEBHOOK_ADDR: address, WEBHOOK_URL: `https://${address}` };
  manager = await ManagerProcess.start({ KUBECONFIG: cluster.kubeconfig, ...webhook });
  await manager.ready();
});

afterAll(async () => {
  await manager?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

const documents = <T>(file: string): readonly T[] =>
  parseAllDocuments(readFileSync(join(FOLDER, file), "utf8")).map((document) => document.toJS());

/** A Pod as its file has it: what others than its author say comes after it is made. */
const create = async ({ status, ...pod }: Pod): Promise<void> => {
  const { name, namespace } = pod.metadata ?? {};
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const account = pod.spec?.serviceAccountName ?? "default";
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  if (account !== "default") await cluster.request("POST", accounts, { metadata: { name: account } });
  await cluster.request("POST", path, pod);
  const merge = { contentType: "application/merge-patch+json" };
  await cluster.request("PATCH", `${path}/${name}/status`, { status }, merge);
};

test("the API server takes all examples, and admission has nothing to say of them", async () => {
  const { stdout, stderr } = await cluster.kubectl(["apply", "--dry-run=server", "-f", FOLDER]);
  expect(stderr).toBe("");
  expect(stdout.match(/created \(server dry run\)/g)).toHaveLength(examples.length);
});

test("the controller makes of their Pods what is expected", async () => {
  for (const namespace of NAMESPACES) await cluster.kubectl(["apply", "-n", namespace, "-f", FOLDER]);
  for (const pod of examples.flatMap((file) => documents<Pod>(`pods/${file}`))) await create(pod);
  for (const { metadata, data } of examples.flatMap((file) => documents<ConfigMap>(`expected/${file}`))) {
    const path = `/api/v1/namespaces/${metadata?.namespace}/configmaps/${metadata?.name}`;
    await eventually(`${metadata?.name} is as expected`, async () => {
      const made = await cluster.request<ConfigMap>("GET", path);
      expect(made.data).toEqual(data);
      return true;
    });
  }
});

test("what the guide shows of kubectl is what kubectl shows", async () => {
  const { kubectl } = await resolveAssets(["kubectl"]);
  const folder = await guideFolder({
    ".kube/config": cluster.kubeconfigYaml,
    "bin/kubectl": `#!/bin/sh\nexec ${kubectl} "$@"\n`,
  });
  await chmod(`${folder.path}/bin/kubectl`, 0o755);
  const env = { PATH: `${folder.path}/bin:${process.env.PATH}` };
  const live = sessions.filter(isLive);
  expect(live).not.toEqual([]);
  for (const session of live) expect((await runIn(folder, session, env)).stdout).toBe(session.output);
});
