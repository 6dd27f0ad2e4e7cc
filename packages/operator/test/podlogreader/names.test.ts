/*
 * Invariants of names and marks:
 * - A name is one that the API server takes for each of the three kinds, and it stands for one Deployment.
 * - What bears not both marks, nor one of them and an ownerReference, is nobody's of ours.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  claimedUidOf,
  DEPLOYMENT,
  deploymentNameOf,
  MANAGED_BY,
  markedUidOf,
  marksFor,
  nameFor,
  OWNER_UID,
} from "../../src/podlogreader/names.ts";
import { owner } from "./fixtures.ts";

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const names = fc
  .stringMatching(/^[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?){0,4}$/)
  .filter((name) => name.length <= 253);

test("the name is podlogreader-<deployment>", () => {
  expect(nameFor("web")).toBe("podlogreader-web");
});

test("a name of exactly 253 characters is not shortened, one of 254 is", () => {
  expect(nameFor("d".repeat(240))).toBe(`podlogreader-${"d".repeat(240)}`);
  expect(nameFor("d".repeat(241))).toMatch(/^podlogreader-d{219}-[0-9a-f]{20}$/);
});

test("a name that is cut at a dot or a dash is still a name", () => {
  for (const odd of [".", "-"]) {
    const name = nameFor(`${"d".repeat(218)}${odd}${"e".repeat(30)}`);
    expect(name).toMatch(SUBDOMAIN);
    expect(name).toMatch(/d-[0-9a-f]{20}$/);
  }
});

test("every Deployment's name gives a valid one of at most 253 characters, from which the Deployment is found again", () => {
  fc.assert(
    fc.property(names, (deployment) => {
      const name = nameFor(deployment);
      expect(name.length).toBeLessThanOrEqual(253);
      expect(name).toMatch(SUBDOMAIN);
      const { labels, annotations } = marksFor({ ...owner, name: deployment });
      expect(deploymentNameOf({ name, labels, annotations })).toBe(deployment);
    }),
  );
});

test("long names that differ at their end stay different", () => {
  expect(nameFor(`${"d".repeat(245)}-a`)).not.toBe(nameFor(`${"d".repeat(245)}-b`));
});

test("an annotation with another name than the one that the hash is of is not believed", () => {
  const name = nameFor("d".repeat(241));
  expect(deploymentNameOf({ name, annotations: { [DEPLOYMENT]: "d".repeat(242) } })).toBe(
    name.slice("podlogreader-".length),
  );
  expect(deploymentNameOf({ name: "podlogreader-web", annotations: { [DEPLOYMENT]: "db" } })).toBe("web");
});

test("names that are not ours stand for no Deployment", () => {
  for (const name of ["web", "podlogreader-", "podlogreader"]) expect(deploymentNameOf({ name })).toBeUndefined();
});

test("the full name is in an annotation only where the name is shortened", () => {
  expect(marksFor(owner).annotations).toEqual({ [OWNER_UID]: "uid-of-web" });
  const long = "d".repeat(241);
  expect(marksFor({ ...owner, name: long }).annotations).toEqual({ [OWNER_UID]: "uid-of-web", [DEPLOYMENT]: long });
});

test("one of the two marks is none", () => {
  const { labels, annotations } = marksFor(owner);
  expect(markedUidOf({ labels, annotations })).toBe("uid-of-web");
  expect(markedUidOf({ labels })).toBeUndefined();
  expect(markedUidOf({ annotations })).toBeUndefined();
  expect(markedUidOf({ labels: { [MANAGED_BY.label]: "Helm" }, annotations })).toBeUndefined();
});

describe("an object with the name of what is made for a Deployment", () => {
  const { labels, annotations, ownerReference } = marksFor(owner);
  const ownerReferences = [ownerReference];

  test("is what its marks say, of whichever Deployment, with an ownerReference or without", () => {
    expect(claimedUidOf({ labels, annotations }, owner)).toBe("uid-of-web");
    const former = { [OWNER_UID]: "uid-of-former" };
    expect(claimedUidOf({ labels, annotations: former, ownerReferences }, owner)).toBe("uid-of-former");
  });

  test("is the Deployment's with one mark and an ownerReference to it", () => {
    expect(claimedUidOf({ labels, ownerReferences }, owner)).toBe("uid-of-web");
    expect(claimedUidOf({ annotations, ownerReferences }, owner)).toBe("uid-of-web");
  });

  test("is nobody's with less than that, or where a mark says something else", () => {
    for (const metadata of [
      {},
      { labels },
      { annotations },
      { ownerReferences },
      { labels: { [MANAGED_BY.label]: "Helm" }, ownerReferences },
      { labels: { [MANAGED_BY.label]: "Helm" }, annotations, ownerReferences },
      { annotations: { [OWNER_UID]: "uid-of-former" }, ownerReferences },
      ...[{ uid: "uid-of-former" }, { name: "db" }, { kind: "ReplicaSet" }, { apiVersion: "apps/v2" }].map((other) => ({
        labels,
        ownerReferences: [{ ...ownerReference, ...other }],
      })),
    ]) {
      expect(claimedUidOf(metadata, owner)).toBeUndefined();
    }
  });
});
