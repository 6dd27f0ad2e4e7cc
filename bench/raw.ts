import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Ground } from "./ground.ts";
import type { RawJob, RawResult } from "./raw-create.ts";
import { CONFIG_MAPS } from "./workload.ts";

const PROGRAM = fileURLToPath(new URL("raw-create.ts", import.meta.url));

/** Creates the ConfigMaps as fast as the server takes them, in a process of its own. @throws when one is refused. */
export const createRaw = async (ground: Ground, bodies: readonly string[]): Promise<RawResult> => {
  const { cluster, identity, connections } = ground;
  const { server, caPem: ca } = cluster;
  const job: RawJob = { server, ca, ...identity.credentials, connections, path: CONFIG_MAPS, bodies };
  const child = spawn(process.execPath, [PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(job));
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  await once(child, "close");
  const result = JSON.parse(output) as RawResult;
  if (result.errors > 0) throw new Error(`${result.errors} raw creates failed`);
  return result;
};
