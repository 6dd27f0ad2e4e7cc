/** Invariant: what a node leaves is named after the one process that kept it, and after no other. */
import { expect, test } from "vitest";
import { identify } from "../../src/process-identity.ts";
import { isAliveOwner, ownerName } from "../../src/real-node/leftovers.ts";

const self = () => {
  const identity = identify(process.pid);
  if (!identity) throw new Error("unreachable: this process runs");
  return identity;
};

test.runIf(process.platform === "linux")("the owner of a name lives as long as that very process", () => {
  const { pid, start } = self();
  expect(isAliveOwner(ownerName({ pid, start }))).toBe(true);
  expect(isAliveOwner(ownerName({ pid, start: `${start}1` }))).toBe(false);
});

test("a name of another form has no owner", () => {
  expect(isAliveOwner(`${process.pid}`)).toBe(false);
  expect(isAliveOwner("node")).toBe(false);
});
