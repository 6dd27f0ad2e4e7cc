/*
 * Invariants of the work on one Pod:
 * - Nothing is said of a Pod before the kernel has been looked at, nor where another agent looks after the node.
 * - That nothing is asked for is said only once nothing is in the kernel.
 * - A failure is told by condition and metric; it comes back with backoff exactly where trying again can help.
 * - Of a Pod that has ended or is gone everything is let go of, once; its condition stays.
 */
import { type KeyString, keyOf, type Logger, type Stored, silentLogger } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { beforeEach, expect, test } from "vitest";
import type { KernelSide } from "../../../src/ebpf/agent/kernel.ts";
import { PodReconciler } from "../../../src/ebpf/agent/reconciler.ts";
import { EBPF_READY } from "../../../src/ebpf/condition.ts";
import type { EbpfFailure } from "../../../src/ebpf/failure.ts";
import type { ApplyOutcome } from "../../../src/ebpf/outcome.ts";
import { storedPod } from "./support.ts";

const attached: ApplyOutcome = { kind: "applied", programs: ["syscall_counter"], revision: "1" };
const waiting: ApplyOutcome = { kind: "waiting", failure: { reason: "CgroupNotFound", message: "No cgroup." } };
const failed = (retry: boolean): ApplyOutcome => ({
  kind: "failed",
  programs: [],
  failures: [{ program: "syscall_counter", reason: "BpffsReadOnly", message: "Mount it writable." }],
  retry,
});
const noBpffs: EbpfFailure = { reason: "BpffsNotMounted", message: "Mount it." };
const spec = { containers: [{ name: "main" }] };
const gated = { ...spec, readinessGates: [{ conditionType: EBPF_READY }] };
const running = {
  containerStatuses: [{ name: "main", state: { running: {} }, image: "", imageID: "", ready: true, restartCount: 0 }],
};
const config = {
  metadata: { name: "calls", namespace: "shop", uid: "c", generation: 1, resourceVersion: "1" },
  spec: { ebpfConfig: { syscallMonitoring: { enabled: true, syscallNames: ["read"] } } },
};

let pod: Stored<Pod> | undefined;
let isAsked: boolean;
let kernel: { enforcer: KernelSide | undefined; failure: EbpfFailure | undefined };
let outcome: ApplyOutcome;
let pinned: boolean;
let events: string[];
let reconciler: PodReconciler;

const side: Pick<KernelSide, "apply" | "release"> = {
  apply: async () => outcome,
  release: (uid) => void events.push(`release ${uid}`),
};

beforeEach(() => {
  pod = storedPod("web", { spec });
  isAsked = true;
  kernel = { enforcer: side as KernelSide, failure: undefined };
  outcome = attached;
  pinned = false;
  events = [];
  reconciler = new PodReconciler({
    sources: { pods: { get: () => pod }, configs: { inNamespace: () => (isAsked ? [config] : []) } },
    kernel,
    isPinned: () => pinned,
    conditions: {
      write: async (_, condition) => void events.push(condition ? `${condition.status} ${condition.reason}` : "none"),
    },
    observer: {
      onPod: () => {},
      onFailure: (_, program, reason) => void events.push(`count ${program} ${reason}`),
      onGone: (uid) => void events.push(`gone ${uid}`),
    },
    architecture: "x86_64",
  });
});

const log: Logger = { ...silentLogger, warning: (message) => void events.push(`log ${message}`) };
const key: KeyString = keyOf(storedPod("web"));
const { signal } = new AbortController();

/** Reconciles once; what happened, and how it ended. */
const reconcile = async (): Promise<readonly unknown[]> => {
  events.splice(0);
  const result = await Promise.resolve(reconciler.reconcile(key, { signal, end: signal, log, attempts: 0 })).catch(
    (error: Error) => error.name,
  );
  return result === undefined ? [...events] : [...events, result];
};

test("what is in the kernel is said", async () => {
  expect(await reconcile()).toEqual(["True Attached"]);
});

test("before the kernel has been looked at nothing is said", async () => {
  kernel.enforcer = undefined;
  expect(await reconcile()).toEqual([]);
});

test.each(["PinDirInUse", "PinDirOfOtherNode"] as const)(
  "with %s the Pods are another agent's to report",
  async (reason) => {
    Object.assign(kernel, { enforcer: undefined, failure: { reason, message: "Not yours." } });
    expect(await reconcile()).toEqual([`count syscall_counter ${reason}`]);
    pod = storedPod("web", { spec: gated });
    isAsked = false;
    expect(await reconcile()).toEqual([]);
  },
);

test("where nothing works on the node each Pod that asks for something says why", async () => {
  Object.assign(kernel, { enforcer: undefined, failure: noBpffs });
  expect(await reconcile()).toEqual(["count syscall_counter BpffsNotMounted", "False BpffsNotMounted"]);
});

test("where nothing works, one that asks for nothing has the condition for its gate, unless something of it is pinned", async () => {
  Object.assign(kernel, { enforcer: undefined, failure: noBpffs });
  isAsked = false;
  expect(await reconcile()).toEqual(["none"]);
  pinned = true;
  expect(await reconcile()).toEqual(["False BpffsNotMounted"]);
  pod = storedPod("web", { spec: gated });
  expect(await reconcile()).toEqual(["True FailedOpen"]);
  pinned = false;
  expect(await reconcile()).toEqual(["True NotRequired"]);
});

test("that nothing is asked for is not said while it could not be taken out, which is tried again", async () => {
  isAsked = false;
  outcome = failed(true);
  expect(await reconcile()).toEqual(["count syscall_counter BpffsReadOnly", "False BpffsReadOnly", "EnforceError"]);
  outcome = { kind: "applied", programs: [], revision: "1" };
  expect(await reconcile()).toEqual(["none"]);
});

test("a Pod that has not started is looked at again, and counts as no failure", async () => {
  outcome = waiting;
  expect(await reconcile()).toEqual(["False Pending", { requeueAfter: 30_000 }]);
});

test("a Pod that runs without a cgroup here has failed, and is looked at again", async () => {
  outcome = waiting;
  pod = storedPod("web", { spec, status: running });
  expect(await reconcile()).toEqual([
    "count syscall_counter CgroupNotFound",
    "False CgroupNotFound",
    { requeueAfter: 30_000 },
  ]);
});

test("of a Pod that is being deleted, the end of its cgroup is not said", async () => {
  outcome = waiting;
  const metadata = { name: "web", namespace: "shop", uid: "uid-of-web", deletionTimestamp: "2026-01-31T12:00:00Z" };
  pod = storedPod("web", { spec, metadata, status: running });
  expect(await reconcile()).toEqual([]);
});

test("a failure that can pass comes back after it was told", async () => {
  outcome = failed(true);
  expect(await reconcile()).toEqual(["count syscall_counter BpffsReadOnly", "False BpffsReadOnly", "EnforceError"]);
});

test("a failure that lasts is logged once, and does not come back", async () => {
  outcome = failed(false);
  const told = ["count syscall_counter BpffsReadOnly", "False BpffsReadOnly"];
  expect(await reconcile()).toEqual([
    "count syscall_counter BpffsReadOnly",
    "log not in the kernel",
    "False BpffsReadOnly",
  ]);
  expect(await reconcile()).toEqual(told);
});

test("of a Pod that is gone everything is let go of, once", async () => {
  await reconcile();
  pod = undefined;
  expect(await reconcile()).toEqual(["release uid-of-web", "gone uid-of-web"]);
  expect(await reconcile()).toEqual([]);
});

test("a Pod made anew under the name is another one", async () => {
  await reconcile();
  pod = storedPod("web", { spec, metadata: { name: "web", namespace: "shop", uid: "other" } });
  expect(await reconcile()).toEqual(["release uid-of-web", "gone uid-of-web", "True Attached"]);
});

test("of a Pod that has ended the condition stays as it is", async () => {
  await reconcile();
  pod = storedPod("web", { spec, status: { phase: "Succeeded" } });
  expect(await reconcile()).toEqual(["release uid-of-web", "gone uid-of-web"]);
});
