/*
 * Invariants:
 * - Versions from 1.29 to 1.36 are fine, older ones fail, newer ones warn; vendors' suffixes do not matter.
 * - Clocks may differ by five seconds, either way.
 */
import { describe, expect, test } from "vitest";
import { judgeClock, judgeVersion, SUPPORTED } from "../../../src/cli/doctor/cluster.ts";

const facts = { server: "https://a", version: "v1.36.3", ahead: 0 };

describe("the version of Kubernetes", () => {
  test.each([
    [`v1.${SUPPORTED.from}.0`, "ok"],
    [`v1.${SUPPORTED.to}.9-eks-12ab`, "ok"],
    ["v1.31.4+k3s1", "ok"],
    [`v1.${SUPPORTED.from - 1}.15`, "failed"],
    ["v1.9.0", "failed"],
    [`v1.${SUPPORTED.to + 1}.0-alpha.1`, "warning"],
    ["v2.0.0", "warning"],
    ["", "warning"],
  ])("%s is %s", (version, status) => {
    expect(judgeVersion({ ...facts, version })).toMatchObject([{ status }]);
  });

  test("a version that is not supported says which are", () => {
    expect(judgeVersion({ ...facts, version: "v1.20.0" })[0]?.message).toContain("1.29 to 1.36");
  });
});

describe("the clock", () => {
  test.each([
    [0, "ok"],
    [5_000, "ok"],
    [-5_000, "ok"],
    [5_001, "warning"],
    [-90_000, "warning"],
    [undefined, "ok"],
  ])("that is %s ms ahead is %s", (ahead, status) => {
    expect(judgeClock({ ...facts, ahead })).toMatchObject([{ status }]);
  });

  test("says which of the two is behind, in seconds", () => {
    expect(judgeClock({ ...facts, ahead: 90_000 })[0]?.message).toContain("90 s ahead of");
    expect(judgeClock({ ...facts, ahead: -90_000 })[0]?.message).toContain("90 s behind");
  });
});
