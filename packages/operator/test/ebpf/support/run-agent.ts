import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { Order } from "./agent-child.ts";

const CHILD = fileURLToPath(new URL("agent-child.ts", import.meta.url));

/** Runs an agent until it is killed or done. Whether it was killed. */
export const runAgent = async (order: Order): Promise<boolean> => {
  const folder = mkdtempSync(`${tmpdir()}/pcmc-order-`);
  writeFileSync(`${folder}/order.json`, JSON.stringify(order));
  const child = spawn(process.execPath, [CHILD, `${folder}/order.json`], { stdio: ["ignore", "ignore", "inherit"] });
  const [code, signal] = await once(child, "exit");
  rmSync(folder, { recursive: true });
  if (signal !== "SIGKILL" && code !== 0) throw new Error(`the agent failed: ${code} ${signal}`);
  return signal === "SIGKILL";
};
