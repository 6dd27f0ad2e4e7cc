/*
 * Which parts of a sidecar Pod Security admission refuses. Invariant: what is said here is what the API server does; the
 * second half is held against a real one in injection.integration.test.ts with the same cases (pod-security-cases.ts).
 */
import { expect, test } from "vitest";
import { violations } from "../../src/admission/injection/pod-security.ts";
import { hardened, podSecurityCases } from "./pod-security-cases.ts";

test.each(podSecurityCases.map((each) => [each.what, each] as const))(
  "%s",
  (_what, { judged, baseline, restricted }) => {
    expect(violations(judged, "privileged")).toEqual([]);
    expect(violations(judged, "baseline").length > 0).toBe(baseline === "refused");
    expect(violations(judged, "restricted").length > 0).toBe(restricted === "refused");
  },
);

test("each violation names the field", () => {
  expect(violations({ container: { name: "w", image: "i" } }, "restricted")).toEqual([
    "securityContext.allowPrivilegeEscalation must be false",
    "securityContext.runAsNonRoot must be true",
    "securityContext.seccompProfile.type must be RuntimeDefault or Localhost",
    "securityContext.capabilities.drop must have ALL",
  ]);
});

test("what both profiles have is said once", () => {
  const container = {
    ...hardened,
    securityContext: { ...hardened.securityContext, capabilities: { drop: ["ALL"], add: ["BPF"] } },
  };
  expect(violations({ container }, "restricted")).toEqual(["securityContext.capabilities.add must not have BPF"]);
});
