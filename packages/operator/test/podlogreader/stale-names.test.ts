/*
 * Names of Pods that are gone and still stand in Roles. Invariant: each leads to the Deployment in whose Role it stands, until that
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

test("a stale name leads to its Deployment until others take its place", () => {
  const names = new StaleNames();
  names.set("shop/web", ["shop/web-0", "shop/web-1"]);
  names.set("shop/db", ["shop/db-0"]);
  expect(names.deploymentOf("shop/web-0")).toBe("shop/web");
  names.set("shop/web", ["shop/web-1"]);
  expect(names.deploymentOf("shop/web-0")).toBeUndefined();
  expect(names.deploymentOf("shop/web-1")).toBe("shop/web");
  names.set("shop/web", []);
  expect(names.deploymentOf("shop/web-1")).toBeUndefined();
  expect(names.deploymentOf("shop/db-0")).toBe("shop/db");
});
