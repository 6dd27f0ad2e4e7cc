import { expect, test } from "vitest";
import { idleSettings } from "../../src/settings/idle-settings.ts";
import { loadSettings } from "../../src/settings/settings.ts";

const idle = (flags: Readonly<Record<string, unknown>>) => idleSettings(loadSettings({ env: {}, flags }));

test("what is only podlogreader's is told where podlogreader does not run", () => {
  const flags = { controllers: "podconfigmap,watcher", createSaAndRolebinding: true, allowPodGet: "true" };
  expect(idle(flags)).toEqual([
    "--create-sa-and-rolebinding has no effect: podlogreader is not among --controllers",
    "--allow-pod-get has no effect: podlogreader is not among --controllers",
  ]);
});

test("the cost of programs is told to be of no use where none are run", () => {
  expect(idle({ ebpfRunStats: true })).toEqual([
    "--ebpf-run-stats has no effect: without --role all no programs are run",
  ]);
  expect(idle({ ebpfRunStats: true, role: "all" })).toEqual([]);
});

test("nothing is told of what has an effect, nor of what was not asked for", () => {
  expect(idle({ createSaAndRolebinding: true, allowPodGet: true })).toEqual([]);
  expect(idle({ controllers: "podconfigmap", allowPodGet: "false" })).toEqual([]);
});
