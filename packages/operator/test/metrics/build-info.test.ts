/*
 * Invariant: each process tells its version and its role, in one series whose value is 1.
 */
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { registerBuildInfo } from "../../src/metrics/build-info.ts";

test("a process tells its version and what it is", async () => {
  const registry = new Registry();
  registerBuildInfo(registry, { version: "1.2.3", role: "agent" });
  const lines = (await registry.metrics()).split("\n").filter((line) => /^\w/.test(line));
  expect(lines).toEqual(['podconfigmap_controller_build_info{version="1.2.3",role="agent"} 1']);
});
