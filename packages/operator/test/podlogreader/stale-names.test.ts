/*
 * Names of Pods that are gone and still stand in Roles. Invariant: each leads to every Deployment in whose Role it stands, until that
 * is written.
 */
import { expect, test } from "vitest";
import { rulesFor } from "../../src/podlogreader/role.ts";
import { StaleNames, staleNamesIn } from "../../src/podlogreader/stale-names.ts";

const current = new Set(["web-1"]);

test("names in the Role that are not of current Pods are stale, each once", () => {
  const rules = rulesFor(["web-0", "web-1"], { allowPodGet: true });
  expect(staleNamesIn(rules, { namespace: "shop", current })).toEqual(["shop/web-0"]);
  expect(staleNamesIn([], { namespace: "shop", current })).toEqual([]);
});

const deploymentsOf = (names: StaleNames, pod: string) => [...names.deploymentsOf(pod)].sort();

test("a stale name leads to its Deployment until others take its place", () => {
  const names = new StaleNames();
  names.set("shop/web", ["shop/web-0", "shop/web-1"]);
  names.set("shop/db", ["shop/db-0"]);
  expect(deploymentsOf(names, "shop/web-0")).toEqual(["shop/web"]);
  names.set("shop/web", ["shop/web-1"]);
  expect(deploymentsOf(names, "shop/web-0")).toEqual([]);
  expect(deploymentsOf(names, "shop/web-1")).toEqual(["shop/web"]);
  names.set("shop/web", []);
  expect(deploymentsOf(names, "shop/web-1")).toEqual([]);
  expect(deploymentsOf(names, "shop/db-0")).toEqual(["shop/db"]);
});

test("a name that stands in several Roles leads to each of them, until that one is written", () => {
  const names = new StaleNames();
  names.set("shop/web", ["shop/moved"]);
  names.set("shop/db", ["shop/moved"]);
  expect(deploymentsOf(names, "shop/moved")).toEqual(["shop/db", "shop/web"]);
  names.set("shop/db", []);
  expect(deploymentsOf(names, "shop/moved")).toEqual(["shop/web"]);
});
