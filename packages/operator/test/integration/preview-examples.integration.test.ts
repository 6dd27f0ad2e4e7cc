/*
 * Every example of `--help` and of docs/how-to/preview.md, run as it stands in bash, against a real cluster where it needs one.
 *
 * Invariants:
 * - Each ends with exit code 0 and says nothing on standard error; the manager runs until SIGTERM.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { freePort, resolveAssets } from "@pcmc/devcluster";
import { expect, test } from "vitest";
import { defineProgram } from "../../src/cli/definitions.ts";
import { examples } from "../../src/cli/examples.ts";
import { processIo } from "../../src/cli/io.ts";
import { BIN, Folder, pcmc, pod } from "../cli/support.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld({ controllerManager: false });

const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {metadata: {labels: {app: web}}}}
`;

/** A home folder with what the examples name. */
const home = async (): Promise<Folder> => {
  const { kubectl } = await resolveAssets(["kubectl"]);
  const folder = await Folder.with({
    "pcmc.yaml": pcmc("web", "{labelsToInclude: [app]}"),
    "pod.yaml": pod("web-0", "  labels: {app: web}\n"),
    "deployment.yaml": DEPLOYMENT,
    "manifests/pcmc.yaml": pcmc("web"),
    ".kube/config": world.cluster.kubeconfigYaml,
    "bin/kubectl": `#!/bin/sh\nexec ${kubectl} "$@"\n`,
  });
  await chmod(`${folder.path}/bin/kubectl`, 0o755);
  for (const name of [".zsh", ".config/fish/completions"]) await mkdir(`${folder.path}/${name}`, { recursive: true });
  return folder;
};

/** The namespace that the examples name, with the Pod that they name. */
const shop = async (): Promise<void> => {
  await world.cluster.request("POST", "/api/v1/namespaces", { metadata: { name: "shop" } }).catch(() => {});
  const spec = { containers: [{ name: "main", image: "example.com/never-pulled" }] };
  const web = { metadata: { name: "web-0", labels: { app: "web" } }, spec };
  await world.cluster.request("POST", "/api/v1/namespaces/shop/pods", web).catch(() => {});
};

const envOf = (folder: Folder) => ({ PATH: `${folder.path}/bin:${BIN}:${process.env.PATH}`, HOME: folder.path });

// Those about logs, nodes and whole installations want another cluster: who-can-read, ebpf-examples, doctor and
// uninstall.integration.test.ts run them.
const { "who-can-read": _who, "logs-kubeconfig": _logs, agent: _agent, top: _top, ...local } = examples;
const { manager, doctor: _doctor, uninstall: _uninstall, ...others } = local;

const guide = readFileSync(new URL("../../../../docs/how-to/preview.md", import.meta.url), "utf8");
const blocks = [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block.trimEnd().split("\n"));

/** How fast this machine is with all its tests is not what is tested: five seconds are the limit that users get. */
const patient = (line: string): string => line.replaceAll("pcmc preview", "pcmc preview --timeout 60s");

test.each(blocks.flat())("docs/how-to/preview.md: %s", async (line) => {
  await shop();
  const folder = await home();
  const { code, stderr } = await folder.shell(patient(line), { env: envOf(folder) });
  expect([code, stderr]).toEqual([0, ""]);
});

test.each(Object.values(others).flat())("$line", async ({ line }) => {
  await shop();
  const folder = await home();
  const { code, stderr } = await folder.shell(patient(line), { env: envOf(folder) });
  expect([code, stderr]).toEqual([0, ""]);
});

test.each(manager)("$line", async ({ line }) => {
  const folder = await home();
  const env = { ...envOf(folder), METRICS_ADDR: `127.0.0.1:${await freePort()}` };
  const child = spawn("bash", ["-c", `exec env ${line}`], {
    cwd: folder.path,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  try {
    for await (const said of createInterface({ input: child.stderr })) {
      if (said.includes("controller has started")) child.kill("SIGTERM");
    }
    expect(await ended).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
  }
});

test("every command has an example", async () => {
  const { commands } = defineProgram({ io: processIo, name: "pcmc", setExitCode: () => {} });
  expect(Object.keys(examples).sort()).toEqual(["pcmc", ...commands.map((command) => command.name())].sort());
});
