/*
 * Invariants:
 * - A missing permission is told once, until it has been granted.
 * - The waits of a key that is tried again and again double, from a second to the slow cap of 30 s, within 20 % jitter.
 */
import { apiError, type Clock, ForbiddenError, type Logger, silentLogger } from "@pcmc/controller-runtime";
import { beforeEach, expect, test } from "vitest";
import { MissingPermissions } from "../../src/controllers/missing-permissions.ts";

let now: number;
let told: string[];
let permissions: MissingPermissions;
let random: () => number;

const clock: Clock = {
  now: () => now,
  date: () => new Date(now),
  after: () => ({ cancel: () => {} }),
};
const note = (message: string) => void told.push(message);
const log: Logger = { ...silentLogger, error: note, info: note };

const SHOP = { resource: "configmaps", namespace: "shop" };
const OFFICE = { resource: "configmaps", namespace: "office" };
const RBAC =
  'configmaps "a" is forbidden: User "x" cannot create resource "configmaps" in API group "" in the namespace "shop"';

const refusalOf = (method: string, message = RBAC): ForbiddenError => {
  const status = { reason: "Forbidden", code: 403, message };
  const error = apiError({ status, request: `${method} /api/v1/namespaces/shop/configmaps` });
  if (!(error instanceof ForbiddenError)) throw new Error("403 is a ForbiddenError");
  return error;
};

beforeEach(() => {
  now = 1_000_000;
  told = [];
  random = () => 0.5;
  permissions = new MissingPermissions({ clock, random: () => random() });
});

test("each verb is told once, and once more when it is allowed again", () => {
  for (const method of ["POST", "POST", "PUT", "DELETE", "PUT"]) {
    permissions.onMissing(refusalOf(method), SHOP, log);
  }
  const missing = ["create", "update", "delete"].map(
    (verb) => `not allowed to ${verb} configmaps: grant "${verb}"; waiting for it`,
  );
  expect(told).toEqual(missing);
  permissions.onGranted("create", SHOP, log);
  permissions.onGranted("create", SHOP, log);
  expect(told.slice(3)).toEqual(["allowed to create configmaps again"]);
  permissions.onMissing(refusalOf("POST"), SHOP, log);
  expect(told.at(-1)).toBe(missing[0]);
});

test("the waits of one key double up to the slow cap", () => {
  const waits = Array.from({ length: 8 }, () => {
    const wait = permissions.onMissing(refusalOf("POST"), SHOP, log);
    now += wait ?? 0;
    return (wait ?? 0) / 1_000;
  });
  expect(waits).toEqual([1, 1, 2, 4, 8, 16, 30, 30]);
});

test("a permission in one namespace says nothing of another", () => {
  permissions.onMissing(refusalOf("POST"), SHOP, log);
  permissions.onGranted("create", OFFICE, log);
  expect(told).toHaveLength(1);
  now += 4_000;
  expect(permissions.onMissing(refusalOf("POST"), SHOP, log)).toBe(4_000);
  expect(permissions.onMissing(refusalOf("POST"), OFFICE, log)).toBe(1_000);
});

test("of many namespaces that refuse the same, five are named, and that there are more", () => {
  for (let i = 0; i < 20; i++) {
    permissions.onMissing(refusalOf("POST"), { ...SHOP, namespace: `shop-${i}` }, log);
  }
  const line = 'not allowed to create configmaps: grant "create"; waiting for it';
  expect(told).toEqual([...Array(5).fill(line), `${line}; the same in more namespaces, which are not named`]);
  for (let i = 0; i < 20; i++) permissions.onGranted("create", { ...SHOP, namespace: `shop-${i}` }, log);
  expect(told.slice(6)).toEqual(Array(5).fill("allowed to create configmaps again"));
  permissions.onMissing(refusalOf("PUT"), SHOP, log);
  expect(told.at(-1)).toBe('not allowed to update configmaps: grant "update"; waiting for it');
});

test("a refusal that is not RBAC's is no missing permission", () => {
  expect(permissions.onMissing(refusalOf("POST", "forbidden by a plugin"), SHOP, log)).toBeUndefined();
  expect(told).toEqual([]);
});

test("waits are spread by 20 % to both sides", () => {
  random = () => 0;
  expect(permissions.onMissing(refusalOf("POST"), SHOP, log)).toBe(800);
  random = () => 1;
  expect(permissions.onMissing(refusalOf("POST"), SHOP, log)).toBeCloseTo(1_200);
});
