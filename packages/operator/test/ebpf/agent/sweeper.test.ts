/*
 * Invariants of the sweep:
 * - Nothing is swept before the list of the node's Pods is complete, nor without a kernel side; then all of the list is spared.
 * - It sweeps again with each list that has become complete, until it is ended.
 */
import { silentLogger } from "@pcmc/controller-runtime";
import { beforeEach, expect, test } from "vitest";
import { Sweeper } from "../../../src/ebpf/agent/sweeper.ts";
import { storedPod } from "./support.ts";

let swept: unknown[];
let synced: boolean;
let onSynced: Set<() => void>;
let onChange: (() => void)[];

const kernelSide = {
  sweep: (live: ReadonlySet<string>, scope: object) => {
    swept.push([[...live], scope]);
    return [];
  },
};
let enforcer: typeof kernelSide | undefined;

const start = (namespaces: readonly string[] = []) =>
  new Sweeper({
    pods: {
      get synced() {
        return synced;
      },
      values: () => [storedPod("web"), storedPod("db")].values(),
      onSynced: (listener) => {
        onSynced.add(listener);
        return () => void onSynced.delete(listener);
      },
    },
    kernel: {
      get enforcer() {
        return enforcer as never;
      },
      onChange: (listener) => void onChange.push(listener),
    },
    namespaces,
    log: silentLogger,
  }).start();

beforeEach(() => {
  swept = [];
  synced = false;
  onSynced = new Set();
  onChange = [];
  enforcer = kernelSide;
});

const all = [["uid-of-web", "uid-of-db"], { namespaces: [] }];

test("nothing is swept before the list is complete, and then what is not in it", () => {
  using _ = start();
  expect(swept).toEqual([]);
  synced = true;
  for (const listener of onSynced) listener();
  expect(swept).toEqual([all]);
});

test("with a complete list the sweep waits for the kernel side", () => {
  enforcer = undefined;
  synced = true;
  using _ = start();
  for (const listener of onSynced) listener();
  expect(swept).toEqual([]);
  enforcer = kernelSide;
  for (const listener of onChange) listener();
  expect(swept).toEqual([all]);
});

test("a list of some namespaces is told as that", () => {
  synced = true;
  using _ = start(["shop"]);
  expect(swept).toEqual([[["uid-of-web", "uid-of-db"], { namespaces: ["shop"] }]]);
});

test("after its end no list is heard of", () => {
  start()[Symbol.dispose]();
  expect(onSynced.size).toBe(0);
});
