/*
 * Invariants:
 * - The README shows the example that runs.
 * - The example does what it says, follows changes, puts back what is deleted by hand, and ends with exit code 0 on SIGTERM.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Cluster, startCluster } from "@pcmc/devcluster";
import { expect, test, vi } from "vitest";

const EXAMPLE = fileURLToPath(new URL("../examples/pod-census.ts", import.meta.url));
const CENSUS = "/api/v1/namespaces/shop/configmaps/census";

const expectCensus = (cluster: Cluster, data: Readonly<Record<string, string>>) =>
  vi.waitFor(async () => expect((await cluster.request<{ data?: object }>("GET", CENSUS)).data).toEqual(data), {
    timeout: 20_000,
    interval: 50,
  });

test("the README shows the example as it is", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  expect(readme).toContain(`\`\`\`ts\n${readFileSync(EXAMPLE, "utf8")}\`\`\``);
});

test("the example counts Pods, follows changes, puts back its ConfigMap and ends when it is asked to", async () => {
  await using cluster = await startCluster({ controllerManager: false });
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: "shop", labels: { census: "on" } } });
  const spec = { containers: [{ name: "web", image: "example.com/never-pulled" }] };
  const pod = (name: string) => cluster.request("POST", "/api/v1/namespaces/shop/pods", { metadata: { name }, spec });
  await pod("web-0");
  const example = spawn(process.execPath, [EXAMPLE], {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = once(example, "exit");
  try {
    await expectCensus(cluster, { Pending: "1" });
    await pod("web-1");
    await expectCensus(cluster, { Pending: "2" });
    await cluster.request("DELETE", CENSUS);
    await expectCensus(cluster, { Pending: "2" });
    example.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  } finally {
    example.kill("SIGKILL");
  }
});
