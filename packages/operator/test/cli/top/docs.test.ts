/*
 * docs/reference/top.md against the program: its commands are the examples of the help, which a test runs, and its table is what is printed.
 */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { examples } from "../../../src/cli/examples.ts";
import { tableOf } from "../../../src/cli/top/table.ts";
import { AGENT_LABEL, LIVE_PATH, METRICS_PORT } from "../../../src/ebpf/agent/names.ts";
import { AGENT, NAME } from "../../../src/rbac/names.ts";
import { shown } from "./shown.ts";

const page = await readFile(new URL("../../../../../docs/reference/top.md", import.meta.url), "utf8");

test("its commands are the examples of the help", () => {
  const commands = [...page.matchAll(/^\| `(pcmc [^`]+)` \|/gm)].map(([, line]) => line);
  expect(commands).toEqual(examples.top.map(({ line }) => line));
});

test("its table is what is printed", () => {
  expect(page).toContain(tableOf(shown));
});

test("it names the accounts that the manifests have, and the namespace that is the default", async () => {
  for (const [file, account] of [
    ["manifests/agent.yaml", AGENT.name],
    ["examples/deployment-with-ebpf.yaml", NAME],
  ] as const) {
    const text = await readFile(new URL(`../../../../../${file}`, import.meta.url), "utf8");
    const set = parseAllDocuments(text).find((one) => one.get("kind") === "DaemonSet");
    expect(set?.getIn(["spec", "template", "spec", "serviceAccountName"])).toBe(account);
    expect(set?.getIn(["metadata", "namespace"])).toBe("default");
    expect(set?.getIn(["spec", "template", "metadata", "labels", AGENT_LABEL])).toBe("true");
    expect(page).toContain(`\`${account}\``);
  }
  expect(page).toContain("the namespace `default`");
});

test("it names label, port and path as they are", () => {
  for (const name of [`${AGENT_LABEL}=true`, `\`${METRICS_PORT}\``, `\`${LIVE_PATH}\``]) expect(page).toContain(name);
});
