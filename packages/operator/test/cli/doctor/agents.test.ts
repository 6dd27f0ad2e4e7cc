/*
 * Invariants:
 * - Agents are missed only where a PodConfigMapConfig asks for eBPF; a node is missed only where the DaemonSet wants it. One that
 *   wants none is as bad as none.
 * - A Pod is taken for guarded that says so, lives, and has something in the kernel; it is told of where its node has no agent.
 * - What is not known is not claimed: neither that nobody asks for eBPF, nor that a node has no agent.
 * - Why one is not ready is said in its own words where it can be asked, else in its container's.
 * - Kernels below the floor of each feature are told; a version that cannot be read is not judged.
 */
import type { Stored } from "@pcmc/controller-runtime";
import type { DaemonSet } from "kubernetes-types/apps/v1.d.ts";
import type { Node, Pod } from "kubernetes-types/core/v1.d.ts";
import { describe, expect, test } from "vitest";
import type { PodConfigMapConfig } from "../../../src/api/podconfigmapconfig.ts";
import {
  judgeConfigs,
  judgeInstalled,
  judgeKernels,
  judgeNodes,
  judgePolicy,
  judgeReady,
} from "../../../src/cli/doctor/agent-checks.ts";
import { type AgentFacts, type AgentWorkload, agentsWithin, agentWorkloadOf } from "../../../src/cli/doctor/agents.ts";
import { seen } from "../../../src/cli/doctor/seen.ts";
import { judgeUnattended, type Unattended } from "../../../src/cli/doctor/unattended.ts";
import { FORBIDDEN, listed, operator, pod, stored, told } from "./fixtures.ts";

const workload: AgentWorkload = {
  namespace: "default",
  name: "agent",
  image: "a",
  serviceAccount: "agent",
  nodeSelector: { "kubernetes.io/os": "linux" },
  watchNamespaces: [],
  desired: 2,
  isManager: false,
};

interface NodeWish {
  readonly os?: string;
  readonly kernel?: string;
  readonly arch?: string;
}

const node = (name: string, { os = "linux", kernel = "6.1.0-13-amd64", arch = "amd64" }: NodeWish = {}) =>
  stored<Node>(name, {
    metadata: { labels: { "kubernetes.io/os": os } },
    status: {
      nodeInfo: {
        architecture: arch,
        kernelVersion: kernel,
        operatingSystem: os,
        bootID: "",
        containerRuntimeVersion: "",
        kubeProxyVersion: "",
        kubeletVersion: "",
        machineID: "",
        osImage: "",
        systemUUID: "",
      },
    },
  });

const agent = (nodeName: string, status?: Pod["status"]) => {
  const made = pod(`agent-${nodeName}`, status);
  return { ...made, spec: { nodeName, containers: [] } };
};

const facts = (wish: Partial<AgentFacts> = {}): AgentFacts => ({
  workload: seen(workload),
  nodes: listed(node("a"), node("b")),
  pods: listed(agent("a"), agent("b")),
  said: new Map(),
  policy: seen(true),
  unattended: seen({ pods: [], looked: 0, leftOut: 0 }),
  ...wish,
});

const config = (wish: Partial<PodConfigMapConfig>) => listed(stored("guard", wish));

const firewall = config({ spec: { ebpfConfig: { l4Firewall: { enabled: true } } } });

describe("agents at all", () => {
  const off = config({ spec: { ebpfConfig: { l4Firewall: { enabled: false } } } });

  test.each([
    ["asked for and there", seen(workload), firewall, "ok"],
    ["asked for and missing", seen(undefined), firewall, "failed"],
    ["switched off", seen(undefined), off, "ok"],
    ["not asked for", seen(undefined), listed<never>(), "ok"],
    ["not to be seen", FORBIDDEN, firewall, "skipped"],
    ["missing, and nobody knows whether asked for", seen(undefined), FORBIDDEN, "skipped"],
    ["there, and nobody knows whether asked for", seen(workload), FORBIDDEN, "ok"],
  ] as const)("%s", (_, found, configs, status) => {
    expect(judgeInstalled(facts({ workload: found }), configs)).toMatchObject([{ status }]);
  });
});

describe("the DaemonSet", () => {
  const daemonSet = (env: readonly { name: string; value: string }[]) =>
    stored<DaemonSet>("agent", {
      spec: {
        selector: {},
        template: {
          spec: { serviceAccountName: "mine", containers: [{ name: "agent", args: ["agent"], env: [...env] }] },
        },
      },
      status: { currentNumberScheduled: 3, desiredNumberScheduled: 5, numberMisscheduled: 0, numberReady: 3 },
    });

  test("says how many nodes it wants, and what its agents may do where", () => {
    expect(agentWorkloadOf(daemonSet([{ name: "WATCH_NAMESPACES", value: "shop, web" }]))).toMatchObject({
      serviceAccount: "mine",
      watchNamespaces: ["shop", "web"],
      desired: 5,
    });
  });

  test("of a manager that is the agent too works where the manager does, on the nodes that its own DaemonSet wants", () => {
    const all = operator({ args: ["--role=all"], env: { WATCH_NAMESPACES: "shop" }, replicas: 4 });
    expect(agentsWithin(all)).toMatchObject({ watchNamespaces: ["shop"], desired: 4, isManager: true });
    expect(agentsWithin(operator())).toBeUndefined();
  });

  test("without WATCH_NAMESPACES, or with an empty one, has agents for all namespaces", () => {
    expect(agentWorkloadOf(daemonSet([])).watchNamespaces).toEqual([]);
    expect(agentWorkloadOf(daemonSet([{ name: "WATCH_NAMESPACES", value: "" }])).watchNamespaces).toEqual([]);
  });
});

describe("nodes", () => {
  const one = { pods: listed(agent("a")) };
  const wants = (desired: number) => ({ workload: seen({ ...workload, desired }) });

  test.each([
    ["each with one", {}, "ok"],
    ["one without", one, "failed"],
    ["one without that affinity or a taint keeps the agents off", { ...one, ...wants(1) }, "ok"],
    ["one whose Pod no node takes", { pods: listed<Stored<Pod>>(agent("a"), pod("pending")) }, "failed"],
    ["nodes that may not be listed, each with one", { nodes: FORBIDDEN }, "ok"],
    ["Pods that may not be listed", { pods: FORBIDDEN }, "skipped"],
  ] as const)("%s", (_, wish, status) => expect(judgeNodes(facts(wish), FORBIDDEN)).toMatchObject([{ status }]));

  test.each([
    ["nobody asks for eBPF", listed<never>(), "ok"],
    ["somebody asks for eBPF", firewall, "failed"],
    ["nobody knows whether somebody asks for eBPF", FORBIDDEN, "skipped"],
  ] as const)("none that the DaemonSet wants, and %s", (_, configs, status) => {
    expect(judgeNodes(facts({ pods: listed<never>(), ...wants(0) }), configs)).toMatchObject([{ status }]);
  });

  test("none that the DaemonSet wants is told with what keeps it off", () => {
    const away = seen({ ...workload, desired: 0, nodeSelector: { pool: "none", zone: "" } });
    expect(judgeNodes(facts({ workload: away }), firewall)).toMatchObject([
      {
        message:
          "DaemonSet default/agent wants no node (nodeSelector pool=none,zone=), and default/guard asks for eBPF: nothing is put into any kernel",
        remedy: expect.stringContaining("kubectl -n default edit daemonset agent"),
      },
    ]);
    const affine = seen({ ...workload, desired: 0, nodeSelector: {} });
    expect(told(judgeNodes(facts({ workload: affine }), firewall))[0]).toMatch(/wants no node, and default\/guard /);
  });

  test("that lack one are named", () => {
    expect(told(judgeNodes(facts(one), FORBIDDEN))).toEqual([
      "failed: 1 of 2 nodes that the DaemonSet wants without an agent; without one: b",
    ]);
  });

  test("that lack one are named without those of another system, or that the nodeSelector leaves out", () => {
    const nodes = listed(node("a"), node("b"), node("c", { os: "windows" }));
    expect(told(judgeNodes(facts({ ...one, nodes }), FORBIDDEN))[0]).toMatch(/without one: b$/);
    const selected = { workload: seen({ ...workload, nodeSelector: { pool: "ebpf" } }) };
    expect(told(judgeNodes(facts({ ...one, ...selected }), FORBIDDEN))[0]).toMatch(/without an agent$/);
    expect(told(judgeNodes(facts({ ...one, nodes: FORBIDDEN }), FORBIDDEN))[0]).toMatch(/without an agent$/);
  });
});

describe("readiness", () => {
  const running = {
    phase: "Running",
    containerStatuses: [
      { name: "agent", image: "", imageID: "", ready: false, restartCount: 0, state: { running: {} } },
    ],
  };

  test("all that are ready are counted", () =>
    expect(told(judgeReady(facts()))).toEqual(["ok: 2 agents, and all are ready"]));

  test("one that can be asked says why itself", () => {
    const lame = agent("b", running);
    const said = new Map([
      [
        lame.metadata.uid,
        seen({ status: 503, text: "[+]caches ok\n[-]ebpf: NoBtf: no type information\n", date: undefined }),
      ],
    ]);
    expect(told(judgeReady(facts({ pods: listed(agent("a"), lame), said })))).toEqual([
      "failed: the agent on b, Pod default/agent-b, is not ready: ebpf: NoBtf: no type information",
    ]);
  });

  test("of one that cannot be asked its container speaks", () => {
    const lame = agent("b", {
      phase: "Pending",
      containerStatuses: [
        {
          name: "agent",
          image: "",
          imageID: "",
          ready: false,
          restartCount: 0,
          state: { waiting: { reason: "ErrImagePull" } },
        },
      ],
    });
    expect(told(judgeReady(facts({ pods: listed(lame) })))).toEqual([expect.stringContaining("ErrImagePull")]);
  });

  test("five are named, and the rest is a count", () => {
    const lame = Array.from({ length: 8 }, (_, i) => agent(`n${i}`, running));
    const verdicts = judgeReady(facts({ pods: listed(...lame) }));
    expect([verdicts.length, verdicts.at(-1)?.message]).toEqual([6, "3 more agents not ready"]);
  });
});

describe("Pods on nodes without an agent", () => {
  const unattended = (wish: Partial<Unattended> = {}) =>
    facts({ unattended: seen({ pods: ["shop/web (b)"], looked: 1, leftOut: 0, ...wish }) });

  test("that are taken for guarded are named with their nodes, and with what brings the agents back", () => {
    expect(judgeUnattended(unattended())).toEqual([
      {
        status: "warning",
        message:
          "1 Pod says podconfig.example.com/EbpfReady True on a node without an agent: shop/web (b): what is in that kernel stands, and nobody changes, repairs or reads it",
        remedy: expect.stringContaining("kubectl -n default describe daemonset agent"),
      },
    ]);
    expect(judgeUnattended({ ...unattended(), workload: seen(undefined) })[0]?.remedy).toContain(
      "kubectl apply -f manifests/agent.yaml",
    );
  });

  test("are no matter where none says so, or each node has an agent", () => {
    expect(told(judgeUnattended(unattended({ pods: [], looked: 10, leftOut: 2 })))).toEqual([
      "ok: no Pod of 10 nodes without an agent is taken for guarded or counted; 2 more nodes without one not looked at",
    ]);
    expect(judgeUnattended(facts())).toEqual([]);
    expect(judgeUnattended(facts({ unattended: FORBIDDEN }))).toMatchObject([{ status: "skipped" }]);
  });
});

describe("kernels", () => {
  test.each([
    ["5.8.0", ["ok"]],
    ["6.18.5-generic", ["ok"]],
    ["5.15.0-1-azure", ["ok"]],
    ["5.7.19", ["failed"]],
    ["4.19.0", ["failed"]],
    ["unknown", ["ok"]],
  ])("%s is %j", (kernel, statuses) => {
    expect(judgeKernels(facts({ nodes: listed(node("a", { kernel })) })).map(({ status }) => status)).toEqual(statuses);
  });

  test("what a kernel lacks is said", () => {
    expect(
      told(judgeKernels(facts({ nodes: listed(node("a", { kernel: "5.7.0" }), node("b", { kernel: "4.1.0" })) }))),
    ).toEqual([
      "failed: b (4.1.0, amd64) has a kernel before 5.7: neither counting nor firewall",
      "failed: a (5.7.0, amd64) has a kernel before 5.8: no firewall",
    ]);
  });

  test("of nodes without an agent are not judged", () => {
    const nodes = listed(node("a"), node("far", { kernel: "4.19.0", arch: "s390x" }));
    expect(told(judgeKernels(facts({ nodes })))).toEqual(["ok: 1 node with a kernel that has all features"]);
    expect(judgeKernels(facts({ nodes, pods: listed<never>() }))).toEqual([]);
    expect(judgeKernels(facts({ nodes, pods: FORBIDDEN }))).toMatchObject([{ status: "skipped" }]);
  });

  test("of an architecture without programs are told", () => {
    expect(judgeKernels(facts({ nodes: listed(node("a", { arch: "s390x" })) }))).toMatchObject([{ status: "failed" }]);
    expect(judgeKernels(facts({ nodes: listed(node("a", { arch: "arm64" })) }))).toMatchObject([{ status: "ok" }]);
  });
});

describe("the policy of the tokens", () => {
  const cluster = (version: string) => ({ server: "", version, ahead: 0 });

  test.each([
    ["v1.36.0", seen(true), "ok"],
    ["v1.36.0", seen(false), "failed"],
    ["v1.36.0", FORBIDDEN, "skipped"],
    ["v1.29.3", seen(false), "warning"],
  ] as const)("on %s, %j is %s", (version, policy, status) => {
    expect(judgePolicy(facts({ policy }), cluster(version))).toMatchObject([{ status }]);
  });
});

describe("the condition EbpfReady", () => {
  const condition = (status: "True" | "False") => ({
    status: {
      conditions: [{ type: "EbpfReady", status, reason: "NoBtf", message: "0/3 Pods", lastTransitionTime: "" }],
    },
  });

  test("that is False is told with its reason", () => {
    expect(told(judgeConfigs(config(condition("False"))))).toEqual([
      "failed: eBPF is not as asked for in default/guard: NoBtf: 0/3 Pods",
    ]);
    expect(judgeConfigs(config(condition("True")))).toMatchObject([{ status: "ok" }]);
    expect(judgeConfigs(config({}))).toMatchObject([{ status: "ok" }]);
  });
});
