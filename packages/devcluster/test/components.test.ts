/** Invariant: the caller's flags win over the defaults, null takes one away, and the rest stays. */
import { expect, test } from "vitest";
import { etcdArgs } from "../src/components.ts";
import { renderFlags } from "../src/flags.ts";
import { componentsOf, planCluster } from "../src/options.ts";

test("a flag given replaces the default, null removes it, a list repeats it", () => {
  const defaults = { keep: "a", replace: "a", remove: "a" };
  expect(renderFlags(defaults, { replace: "b", remove: null, list: ["c", "d"] })).toEqual([
    "--keep=a",
    "--replace=b",
    "--list=c",
    "--list=d",
  ]);
});

test("etcd takes flags of the caller's", () => {
  const args = etcdArgs("/state", { "log-level": "debug", "unsafe-no-fsync": null });
  expect(args).toContain("--log-level=debug");
  expect(args.join(" ")).not.toContain("unsafe-no-fsync");
});

test("nodes bring the scheduler and kwok, and the controllers are there unless switched off", () => {
  expect(componentsOf(planCluster({}))).toEqual(["etcd", "kube-apiserver", "kube-controller-manager"]);
  expect(componentsOf(planCluster({ nodes: 1 }))).toContain("kwok");
  expect(componentsOf(planCluster({ nodes: 1, scheduler: false }))).not.toContain("kube-scheduler");
  expect(componentsOf(planCluster({ controllerManager: false }))).toEqual(["etcd", "kube-apiserver"]);
});

test("a real node brings the scheduler, and its own programs instead of kwok", () => {
  const components = componentsOf(planCluster({ node: "real" }));
  expect(components).toEqual([
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
    "kubelet",
    "kube-proxy",
  ]);
});

test.each([
  [{ node: "real", nodes: 2 } as const, "one node"],
  [{ node: "real", controllerManager: false } as const, "needs the controller manager"],
  [{ nodes: -1 }, "whole number"],
  [{ nodes: 1.5 }, "whole number"],
])("%j is refused with a reason", (options, reason) => {
  expect(() => planCluster(options)).toThrow(reason);
});
