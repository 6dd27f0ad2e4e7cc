/*
 * Writes packages/operator/src/api/pod/pod-api.json: the schemas of a container and a volume, as the API server of the pinned
 * Kubernetes version publishes them. Starts a control plane. `make manifests` runs it when that version has moved.
 *
 *   node scripts/pod-schema.ts
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DEFAULT_VERSION, startCluster } from "@pcmc/devcluster";
import { CORE_OPEN_API, type OpenApiDocument, reachable } from "../packages/operator/src/api/pod/open-api.ts";
import { POD_API_ROOTS } from "../packages/operator/src/api/pod/roots.ts";

await using cluster = await startCluster({ version: DEFAULT_VERSION, controllerManager: false });
const { components } = await cluster.request<OpenApiDocument>("GET", CORE_OPEN_API);
const content = { kubernetes: DEFAULT_VERSION, schemas: reachable(components.schemas, POD_API_ROOTS) };

const file = fileURLToPath(new URL("../packages/operator/src/api/pod/pod-api.json", import.meta.url));
writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
spawnSync("biome", ["format", "--write", file], { stdio: "inherit" });
