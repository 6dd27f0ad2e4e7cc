/*
 * What runbooks have somebody ask at night, asked of a cluster in which nothing is wrong.
 *
 * Invariant: under the manifests' RBAC each `kubectl auth can-i` of a runbook says yes: a no is then the finding that it is taken for.
 */
import { readdirSync, readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { useWorld } from "../integration/support/world.ts";
import { path, RUNBOOKS } from "./support/committed.ts";

const world = useWorld();

/** `--list` is a table, not an answer. */
const questions = readdirSync(RUNBOOKS).flatMap((file) => {
  const lines = readFileSync(`${RUNBOOKS}/${file}`, "utf8").match(/^kubectl auth can-i (?!--list).*$/gm) ?? [];
  return lines.map((line) => [file, line.replaceAll(/"?\$NS"?/g, "default").replaceAll('"', "")] as const);
});

beforeAll(async () => {
  const { cluster } = world;
  await cluster.kubectl(["apply", "--filename", path("crd"), "--filename", path("manifests/rbac.yaml")]);
  await cluster.kubectl(["wait", "--for=condition=Established", "crd", "--all"]);
});

test("runbooks ask something", () => {
  expect(questions.length).toBeGreaterThan(4);
});

test.each(questions)("%s: %s", async (_, line) => {
  const { stdout, stderr } = await world.cluster.kubectl(line.split(" ").slice(1));
  expect([stdout.trim(), stderr]).toEqual(["yes", ""]);
});
