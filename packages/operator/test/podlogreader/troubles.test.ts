/*
 * What is said of troubles, and how often. Invariants:
 * - One Event for each trouble, however often it is met; another one when it has gone and come back, or has become another.
 * - What serves all the same is no error.
 */
import { type NewEvent, silentLogger } from "@pcmc/controller-runtime";
import { expect, test } from "vitest";
import { foreignObject, type Topic, type Trouble, Troubles, tooManyPods } from "../../src/podlogreader/troubles.ts";
import { steady, stored } from "./fixtures.ts";

const KEY = "shop/web";
const NAME = { name: "podlogreader-web", isAsWanted: false };

const begun = () => {
  const events: NewEvent[] = [];
  const failures: string[] = [];
  const troubles = new Troubles({
    events: { event: (event) => void events.push(event) },
    metrics: { onFailure: (type, namespace, reason) => void failures.push(`${type} ${namespace} ${reason}`) },
  });
  const regarding = stored(steady(1));
  const begin = (topic: Topic, trouble: Trouble) =>
    troubles.begin(KEY, topic, { trouble, regarding, log: silentLogger });
  return { troubles, begin, events, failures };
};

test("a trouble is told once, with the Deployment it is about, and counted once", () => {
  const { begin, events, failures } = begun();
  for (let i = 0; i < 3; i++) begin("Role", foreignObject("Role", NAME));
  expect(events).toHaveLength(1);
  expect(events[0]).toMatchObject({
    type: "Warning",
    reason: "RoleConflict",
    regarding: { metadata: { name: "web" } },
  });
  expect(events[0]?.note).toContain("podlogreader-web");
  expect(failures).toEqual(["podlogreader shop conflict"]);
});

test("a trouble that has gone and come back, or has become another one, is told again", () => {
  const { troubles, begin, events } = begun();
  begin("RoleBinding", foreignObject("RoleBinding", NAME));
  begin("RoleBinding", foreignObject("RoleBinding", { ...NAME, isAsWanted: true }));
  troubles.end(KEY, "RoleBinding");
  begin("RoleBinding", foreignObject("RoleBinding", { ...NAME, isAsWanted: true }));
  expect(events.map(({ reason }) => reason)).toEqual(["RoleBindingConflict", "RoleBindingExists", "RoleBindingExists"]);
});

test("troubles of different objects stand side by side", () => {
  const { troubles, begin, events } = begun();
  begin("Role", foreignObject("Role", NAME));
  begin("Pods", tooManyPods(1, 20_000));
  troubles.end(KEY, "Role");
  begin("Pods", tooManyPods(2, 20_001));
  expect(events.map(({ reason }) => reason)).toEqual(["RoleConflict", "TooManyPods"]);
});

test("what serves all the same is told and is no error; too many Pods are one of size", () => {
  const { begin, events, failures } = begun();
  begin("ServiceAccount", foreignObject("ServiceAccount", NAME));
  expect(events[0]?.type).toBe("Normal");
  expect(failures).toEqual([]);
  begin("Pods", tooManyPods(1, 20_000));
  expect(failures).toEqual(["podlogreader shop size"]);
});

test("an obstacle lasts as long as what was told, and goes with the Deployment", () => {
  const { troubles, begin } = begun();
  const obstacle = { holder: "others", until: 30_000 } as const;
  troubles.rest(KEY, "Role", obstacle);
  expect(troubles.obstacle(KEY, "Role")).toBeUndefined();
  begin("Role", foreignObject("Role", NAME));
  troubles.rest(KEY, "Role", obstacle);
  begin("Role", foreignObject("Role", NAME));
  expect(troubles.obstacle(KEY, "Role")).toEqual(obstacle);
  expect(troubles.obstacle(KEY, "ServiceAccount")).toBeUndefined();
  troubles.forget(KEY);
  expect(troubles.obstacle(KEY, "Role")).toBeUndefined();
});
