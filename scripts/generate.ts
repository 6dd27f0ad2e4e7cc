/*
 * Writes the files that are generated from code; `--check` writes nothing and exits 1 when one is stale.
 *
 *   node scripts/generate.ts [--check]
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { crdYaml } from "../packages/operator/src/api/crd.ts";
import { podConfigMapConfigResource } from "../packages/operator/src/api/podconfigmapconfig.ts";
import { settingsReference } from "../packages/operator/src/settings/reference.ts";
import { deploymentYaml } from "./deployment.ts";
import { rbacYaml } from "./rbac.ts";
import { webhooksYaml } from "./webhooks.ts";

/** Path from the root of the repository -> content. */
const generated: Readonly<Record<string, () => string>> = {
  "crd/podconfigmapconfig_crd.yaml": () => crdYaml(podConfigMapConfigResource),
  "docs/settings.md": settingsReference,
  "manifests/deployment.yaml": deploymentYaml,
  "manifests/rbac.yaml": rbacYaml,
  "manifests/webhooks.yaml": webhooksYaml,
};

const pathOf = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url));

const contentOf = (file: string): string | undefined => {
  try {
    return readFileSync(pathOf(file), "utf8");
  } catch {
    return undefined;
  }
};

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const stale = Object.entries(generated).filter(([file, content]) => contentOf(file) !== content());

for (const [file, content] of stale) {
  if (values.check) {
    console.error(`${file} is stale: run "make manifests" and commit the result`);
    process.exitCode = 1;
    continue;
  }
  mkdirSync(dirname(pathOf(file)), { recursive: true });
  writeFileSync(pathOf(file), content());
  console.log(`${file} written`);
}
