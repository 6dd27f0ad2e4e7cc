/*
 * What `pcmc uninstall` and `pcmc agent uninstall --stay` decide, without a cluster.
 *
 * Invariants:
 * - A node counts as detached only if a Pod that detaches is ready there, and all nodes only if the DaemonSet's controller has seen
 *   the change.
 * - A Pod that does not end, or is never begun, makes its node unreachable, and only that.
 * - Which flags an agent works by, its removal works by.
 * - Of ConfigMaps, Roles, Secrets and the like only what is surely ours is ours.
 * - What fails is tried again until it is done, and says meanwhile what is in the way.
 */
import { type Clock, type Stored, silentLogger, type Timer } from "@pcmc/controller-runtime";
import type { DaemonSet } from "kubernetes-types/apps/v1.d.ts";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { describe, expect, test } from "vitest";
import { detaching, detachPatch, uninstallArgs } from "../../src/cli/uninstall/agent-pods.ts";
import { flagValue } from "../../src/cli/uninstall/command-line.ts";
import { foreignText } from "../../src/cli/uninstall/deletion.ts";
import { farewell } from "../../src/cli/uninstall/farewell.ts";
import { isGenerated, isManaged, isReader } from "../../src/cli/uninstall/generated.ts";
import { isOwnSecret } from "../../src/cli/uninstall/webhook-secret.ts";
import { farewellPatch } from "../../src/ebpf/uninstall-conditions.ts";
import { hashedName } from "../../src/podconfigmap/names.ts";
import { marksOf } from "../../src/podconfigmap/ownership.ts";
import { filledSecret } from "../integration/support/uninstall-secret.ts";

const NOW = new Date("2026-01-01T00:10:00Z");
const stored = (name: string) => ({ name, namespace: "default", uid: `uid-${name}`, resourceVersion: "1" });

const daemonSet = (args: readonly string[] = ["agent"], desired = 2): Stored<DaemonSet> => ({
  metadata: { ...stored("agent"), generation: 3 },
  spec: {
    selector: { matchLabels: { app: "agent" } },
    template: { spec: { containers: [{ name: "agent", args: [...args] }] } },
  },
  status: {
    observedGeneration: 3,
    desiredNumberScheduled: desired,
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    numberReady: 0,
  },
});

interface PodWish {
  readonly args?: readonly string[];
  readonly ready?: "True" | "False";
  readonly deletionTimestamp?: string;
}

const DETACHES = ["agent", "uninstall", "--stay"];

const podOn = (node: string, { args = DETACHES, ready = "True", deletionTimestamp }: PodWish = {}): Stored<Pod> => ({
  metadata: {
    ...stored(`on-${node}`),
    ownerReferences: [{ apiVersion: "apps/v1", kind: "DaemonSet", name: "agent", uid: "uid-agent" }],
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
  },
  spec: { nodeName: node, containers: [{ name: "agent", args: [...args] }] },
  status: { conditions: [{ type: "Ready", status: ready }] },
});

describe("how far agents are", () => {
  test("is the end when a Pod that detaches is ready on each node", () => {
    expect(detaching(daemonSet(), [podOn("a"), podOn("b")], NOW)).toMatchObject({ isDone: true });
  });

  test.each([
    ["an agent runs still", [podOn("a"), podOn("b", { args: ["agent"] })]],
    ["one is not ready", [podOn("a"), podOn("b", { ready: "False" })]],
    ["one ends", [podOn("a"), podOn("b"), podOn("b", { args: ["agent"], deletionTimestamp: "2026-01-01T00:10:20Z" })]],
    ["a node has no Pod yet", [podOn("a")]],
  ])("is not the end while %s", (_, pods) => {
    expect(detaching(daemonSet(), pods, NOW)).toMatchObject({ isDone: false, isHopeless: false });
  });

  test("is not the end before the DaemonSet's controller has seen the change", () => {
    const unseen = daemonSet();
    const { status } = unseen;
    if (status !== undefined) status.observedGeneration = 2;
    expect(detaching(unseen, [podOn("a"), podOn("b")], NOW).isDone).toBe(false);
  });

  test("is hopeless when all that is left is on nodes whose kubelet does not answer", () => {
    const stuck = podOn("b", { args: ["agent"], deletionTimestamp: "2026-01-01T00:08:00Z" });
    expect(detaching(daemonSet(), [podOn("a"), stuck], NOW)).toMatchObject({ isDone: false, isHopeless: true });
    expect(detaching(daemonSet(), [podOn("a", { ready: "False" }), stuck], NOW).isHopeless).toBe(false);
  });

  test("is hopeless too when a Pod was given to a node long ago whose kubelet has never begun it", () => {
    const scheduled = (at: string, startTime?: string): Stored<Pod> => ({
      ...podOn("b"),
      status: {
        conditions: [{ type: "PodScheduled", status: "True", lastTransitionTime: at }],
        ...(startTime !== undefined && { startTime }),
      },
    });
    const long = "2026-01-01T00:08:00Z";
    expect(detaching(daemonSet(), [podOn("a"), scheduled(long)], NOW)).toMatchObject({
      isDone: false,
      isHopeless: true,
    });
    expect(detaching(daemonSet(), [podOn("a"), scheduled(long, long)], NOW).isHopeless).toBe(false);
    expect(detaching(daemonSet(), [podOn("a"), scheduled("2026-01-01T00:09:50Z")], NOW).isHopeless).toBe(false);
  });

  test("does not count Pods of others with the same labels", () => {
    const others: Stored<Pod> = { ...podOn("b"), metadata: stored("others") };
    expect(detaching(daemonSet(), [podOn("a"), others], NOW).isDone).toBe(false);
  });
});

describe("the change of the DaemonSet", () => {
  test("keeps the flags of the agent, and drops those of a manager", () => {
    expect(uninstallArgs(["agent", "--bpf-pin-dir=/x"])).toEqual(["agent", "--bpf-pin-dir=/x", "uninstall", "--stay"]);
    expect(uninstallArgs(["manager", "--role", "all"])).toEqual(DETACHES);
  });

  test("keeps the flags of a manager that say where the pins are and how the Pod is asked", () => {
    const flags = ["--bpf-pin-dir=/x", "--metrics-addr", ":9", "--debug"];
    const given = ["manager", "--role", "all", ...flags, "--controllers=watcher", "--webhook-addr", ":8443"];
    expect(uninstallArgs(given)).toEqual(["agent", ...flags, "uninstall", "--stay"]);
  });

  test("reaches all nodes at once, and is made once", () => {
    expect(detachPatch(daemonSet())).toMatchObject({
      spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "100%", maxSurge: 0 } } },
    });
    expect(detachPatch(daemonSet(DETACHES))).toBeUndefined();
    expect(detachPatch(daemonSet(["something", "else"]))).toBeUndefined();
  });
});

test("a flag of a command line is what its last word says, in either spelling", () => {
  expect(flagValue(["manager", "--a=1", "--b", "2", "--a", "3=4", "--c", "--d"], "a")).toBe("3=4");
  expect(flagValue(["manager", "--a=1", "--b", "2"], "b")).toBe("2");
  expect(flagValue(["manager", "--c", "--d"], "c")).toBeUndefined();
});

describe("a ConfigMap", () => {
  const claim = { pod: "web", pcmc: "app", podUid: "0-1" };
  const { labels, ownerReference } = marksOf(claim);
  const name = "pod-web-from-app-cfg";

  test.each([
    ["with all marks", { name, labels, ownerReferences: [ownerReference] }, true],
    ["without its reference", { name, labels }, true],
    ["under the hashed name", { name: hashedName(claim), labels, ownerReferences: [ownerReference] }, true],
    ["under the hashed name, without its reference", { name: hashedName(claim), labels }, false],
    ["of another name", { name: "somebodys", labels, ownerReferences: [ownerReference] }, false],
    ["of another PodConfigMapConfig's name", { name: "pod-web-from-other-cfg", labels }, false],
    ["without labels", { name, ownerReferences: [ownerReference] }, false],
  ])("%s is ours as it should be", (_, metadata, ours) => {
    expect(isGenerated(metadata)).toBe(ours);
  });

  test("of a Watcher is ours with the Watcher's reference only: what was orphaned on purpose is somebody else's", () => {
    const marked = {
      name: "logs-config",
      labels: { "watch.example.com/watcher": "logs", "watch.example.com/watcher-uid": "1" },
    };
    const owner = { apiVersion: "watch.example.com/v1alpha1", kind: "Watcher", name: "logs", uid: "1" };
    expect(isManaged({ ...marked, ownerReferences: [owner] })).toBe(true);
    expect(isManaged(marked)).toBe(false);
    expect(isManaged({ ...marked, name: "other", ownerReferences: [owner] })).toBe(false);
  });
});

test("a Role is podlogreader's with both marks and the name", () => {
  const labels = { "app.kubernetes.io/managed-by": "podconfigmap-controller" };
  const annotations = { "podconfig.example.com/owner-uid": "1" };
  expect(isReader({ name: "podlogreader-web", labels, annotations })).toBe(true);
  expect(isReader({ name: "podlogreader-web", labels })).toBe(false);
  expect(isReader({ name: "web", labels, annotations })).toBe(false);
});

describe("the Secret of the webhooks' certificates", async () => {
  const own = await filledSecret();
  const others = await filledSecret("cert-manager");
  const changed = (data: Readonly<Record<string, string>>) => ({ ...own, data: { ...own.data, ...data } });
  const both = [own, others].map(({ data }) => Buffer.from(data["ca.crt"] ?? "", "base64").toString());
  const { "ca.key": _, ...keyless } = own.data;

  test.each([
    ["as the manager writes it", own, true],
    ["with CAs of others", others, false],
    ["with a CA of others beside ours", changed({ "ca.crt": Buffer.from(both.join("")).toString("base64") }), false],
    ["without the keys of the CAs, as cert-manager has it", { ...own, data: keyless }, false],
    ["with something of others beside", changed({ "keystore.p12": "" }), false],
    ["of another type", { ...own, type: "Opaque" }, false],
    ["that was emptied", { type: own.type, data: { "tls.crt": "", "tls.key": "" } }, false],
    ["without data", { type: own.type }, false],
  ])("%s is ours as it should be", (_case, secret, ours) => {
    expect(isOwnSecret(secret)).toBe(ours);
  });
});

test("what is left of others is told in a line, or not at all", () => {
  expect(foreignText("NetworkPolicy", [])).toEqual([]);
  expect(foreignText("NetworkPolicy", ["a/b", "a/c"])).toEqual([
    expect.stringMatching(/^2 NetworkPolicies left, with a label of ours but .*: a\/b, a\/c$/),
  ]);
});

describe("what is said of a Pod at the end", () => {
  const type = "podconfig.example.com/EbpfReady";
  const pod = (conditions: readonly object[], gates: readonly string[] = []): Stored<Pod> => ({
    metadata: stored("web"),
    spec: { containers: [], readinessGates: gates.map((conditionType) => ({ conditionType })) },
    status: { conditions: conditions as NonNullable<NonNullable<Pod["status"]>["conditions"]> },
  });

  test("is nothing, where nobody waits for it", () => {
    expect(farewellPatch(pod([{ type, status: "True", reason: "Attached" }]), NOW)).toMatchObject({
      status: { conditions: [{ type, $patch: "delete" }] },
    });
    expect(farewellPatch(pod([]), NOW)).toBeUndefined();
  });

  test("is that nothing is required, where a readiness gate waits for it", () => {
    const wanted = { status: { conditions: [{ type, status: "True", reason: "NotRequired" }] } };
    expect(farewellPatch(pod([{ type, status: "False", reason: "Pending" }], [type]), NOW)).toMatchObject(wanted);
    expect(farewellPatch(pod([], [type]), NOW)).toMatchObject(wanted);
    expect(farewellPatch(pod([{ type, status: "True", reason: "NotRequired" }], [type]), NOW)).toBeUndefined();
  });
});

/** A clock whose timers fire at once. */
const hurried: Clock = {
  now: () => 0,
  date: () => NOW,
  after: (_, callback): Timer => {
    queueMicrotask(callback);
    return { cancel: () => {} };
  },
};

describe("a removal that stays", () => {
  const options = { clock: hurried, random: () => 0, log: silentLogger };

  test("does its steps in turn, each until it succeeds, and says what is in the way", async () => {
    const said: (string | undefined)[] = [];
    let tries = 0;
    const kernel = async () => {
      said.push(work.trouble);
      if (++tries < 3) throw new Error("in use");
    };
    const conditions = async () => void said.push(work.trouble);
    const steps = [
      { name: "kernel", run: kernel, explain: () => "PinDirInUse: another agent" },
      { name: "conditions", run: conditions },
    ];
    const work = farewell({ ...options, steps });
    await work.run(new AbortController().signal);
    expect(said).toEqual([
      "kernel: under way",
      "kernel: PinDirInUse: another agent",
      "kernel: PinDirInUse: another agent",
      "conditions: under way",
    ]);
    expect(work.trouble).toBeUndefined();
  });

  test("is not done when it was stopped", async () => {
    const stop = new AbortController();
    const run = async () => {
      stop.abort();
      throw new Error("in use");
    };
    const work = farewell({ ...options, steps: [{ name: "kernel", run }] });
    await work.run(stop.signal);
    expect(work.trouble).toBeDefined();
  });
});
