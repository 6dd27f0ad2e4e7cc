/*
 * Writes the files that are generated from code; `--check` writes nothing and exits 1 when one is stale.
 *
 * manifests/ is rendered from the chart by helm, which is built with Go where the machine has not got it.
 *
 * The Pod API's schemas come from an API server, which a check has not: it compares their version with the pinned one, and a test
 * compares their text. When that version has moved, writing starts a control plane and reads them anew.
 *
 *   node scripts/generate.ts [--check]
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { DEFAULT_VERSION, helmPath } from "@pcmc/devcluster";
import { crdYaml } from "../packages/operator/src/api/crd.ts";
import { POD_API_VERSION } from "../packages/operator/src/api/pod/pod-api.ts";
import { podConfigMapConfigResource } from "../packages/operator/src/api/podconfigmapconfig.ts";
import { watcherResource } from "../packages/operator/src/api/watcher.ts";
import { doctorReference } from "../packages/operator/src/cli/doctor/reference.ts";
import { settingsReference } from "../packages/operator/src/settings/reference.ts";
import { alertsYaml } from "./alerts.ts";
import { chartFiles } from "./chart.ts";
import { dashboardFiles } from "./dashboards.ts";
import { manifestFiles } from "./manifests.ts";
import { cliReference } from "./reference-cli.ts";
import { crdReference } from "./reference-crd.ts";

/** Path from the root of the repository -> content. */
type Files = Readonly<Record<string, () => string>>;

const generated: Files = {
  "crd/podconfigmapconfig_crd.yaml": () => crdYaml(podConfigMapConfigResource),
  "crd/watcher_crd.yaml": () => crdYaml(watcherResource),
  "chart/files/alerts.yaml": alertsYaml,
  ...dashboardFiles(),
  ...chartFiles,
  "docs/reference/cli.md": cliReference,
  "docs/reference/podconfigmapconfig.md": () => crdReference(podConfigMapConfigResource),
  "docs/reference/doctor.md": doctorReference,
  "docs/reference/settings.md": settingsReference,
  "docs/reference/watcher.md": () => crdReference(watcherResource),
};

const pathOf = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url));

const contentOf = (file: string): string | undefined => {
  try {
    return readFileSync(pathOf(file), "utf8");
  } catch {
    return undefined;
  }
};

/** Does all over again with the new schemas, in a process that has not read the old ones. */
const readPodApiAnew = (): number => {
  const scripts = ["scripts/pod-schema.ts", "scripts/generate.ts"];
  const run = (script: string) => spawnSync(process.execPath, [pathOf(script)], { stdio: "inherit" }).status ?? 1;
  return scripts.reduce((status, script) => (status === 0 ? run(script) : status), 0);
};

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });

if (POD_API_VERSION !== DEFAULT_VERSION) {
  if (!values.check) process.exit(readPodApiAnew());
  console.error(
    `the Pod API's schemas are of Kubernetes ${POD_API_VERSION}, not ${DEFAULT_VERSION}: run "make manifests"`,
  );
  process.exitCode = 1;
}

/** Each in turn: some are made from others. */
const keepFresh = (files: Files): void => {
  for (const [file, contentNow] of Object.entries(files)) {
    const content = contentNow();
    if (contentOf(file) === content) continue;
    if (values.check) {
      console.error(`${file} is stale: run "make manifests" and commit the result`);
      process.exitCode = 1;
      continue;
    }
    mkdirSync(dirname(pathOf(file)), { recursive: true });
    writeFileSync(pathOf(file), content);
    console.log(`${file} written`);
  }
};

try {
  keepFresh(generated);
  // Rendered from the chart as it now is.
  keepFresh(manifestFiles(await helmPath()));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
