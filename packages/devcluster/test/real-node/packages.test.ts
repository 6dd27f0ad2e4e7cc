/** Invariant: where a real node cannot run, one line says what is missing, and does so before anything is begun. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { whyNotAsThisRoot } from "../../src/real-node/packages.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const module = new URL("../../src/real-node/packages.ts", import.meta.url).href;

/** What a process that lacks a capability is told. */
const toldWithout = async (capability: string): Promise<string> => {
  const script = `console.log((await import(${JSON.stringify(module)})).whyNoRealNode())`;
  const node = [process.execPath, "--input-type=module", "-e", script];
  const drop = [`--bounding-set=-${capability}`, `--inh-caps=-${capability}`];
  return (await promisify(execFile)("setpriv", [...drop, ...node])).stdout.trim();
};

test.runIf(isRoot).each(["sys_admin", "net_admin"])("root without %s is told so", async (capability) => {
  expect(await toldWithout(capability)).toBe(
    `a real node needs CAP_${capability.toUpperCase()}, which root does not have here: a container must be privileged`,
  );
});

test("root in a container without privileges is told all that it lacks", () => {
  // What Docker leaves by default.
  const status = "Name:\tnode\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n";
  expect(whyNotAsThisRoot(status)).toMatch(/^a real node needs CAP_SYS_ADMIN and CAP_NET_ADMIN, /);
});

test("root with all capabilities lacks nothing", () => {
  expect(whyNotAsThisRoot("CapEff:\t000001ffffffffff\n")).toBeUndefined();
});

test.runIf(process.platform === "linux")("the kernel says which capabilities a process has", () => {
  expect(readFileSync("/proc/self/status", "utf8")).toMatch(/^CapEff:\t[0-9a-f]{16}$/m);
});
