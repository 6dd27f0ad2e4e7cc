// Invariants:
// - The Pods of one revision have one firewall object, which is the first that was given; other revisions have others.
// - One that nobody has any more is forgotten.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { SharedFirewalls } from "../../src/ebpf/shared-firewalls.ts";
import { blocking, policyOf } from "./support/policies.ts";
import { until } from "./support/until.ts";

const guard = (revision: string) => policyOf({ firewall: blocking(7000), revision });

test("one revision is one object, and the rest of a policy stays its own", () => {
  const shared = new SharedFirewalls();
  const [first, second, other] = [guard("1"), { ...guard("1"), sources: [] }, guard("2")];
  expect(shared.share(first)).toBe(first);
  expect(shared.share(second).firewall).toBe(first.firewall);
  expect(shared.share(second)).toEqual({ ...second, firewall: first.firewall });
  expect(shared.share(other).firewall).toBe(other.firewall);
});

test("a policy without a firewall is left alone", () => {
  const shared = new SharedFirewalls();
  const policy = policyOf({ syscalls: { calls: "all" } });
  expect([shared.share(policy), shared.size]).toEqual([policy, 0]);
});

test("what no Pod has any more is forgotten", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const shared = new SharedFirewalls();
  for (let revision = 0; revision < 10; revision++) shared.share(guard(String(revision)));
  expect(shared.size).toBe(10);
  await until(() => {
    collect();
    return shared.size === 0;
  });
});
