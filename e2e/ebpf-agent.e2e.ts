/**
 * The agent as a Pod of the node, under the manifest as it is: what it may do, what it says, and worlds in which it cannot work.
 *
 * Invariants:
 * - it has three capabilities, a file system that it cannot write, and a token that writes one condition on Pods of its node;
 * - a Pod with the readiness gate is ready when the rules stand and not before; the PodConfigMapConfig says how many have them;
 * - what it cannot do it says, in the condition, on /readyz and in its log, and it never ends for it.
 */
import { readFileSync } from "node:fs";
import type { RealCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from "vitest";
import {
  type AgentOptions,
  agentLogs,
  agentPods,
  agentProcess,
  askAgent,
  changeAgent,
  deployAgent,
} from "./support/agent.ts";
import { tcp } from "./support/attempts.ts";
import { EBPF_READY, EbpfWorld, NAMESPACE } from "./support/ebpf-world.ts";
import { apply, kubectl, waitFor } from "./support/kubectl.ts";
import { manifestsOf, withLocalImage } from "./support/manifests.ts";
import { deployOperator } from "./support/operator.ts";
import { readerWith } from "./support/reader.ts";
import { parseSamples } from "./support/samples.ts";
import { until } from "./support/until.ts";

const AGENT = "podconfigmap-controller-agent";
/** Bits of linux/capability.h. */
const CAPABILITIES = { NET_ADMIN: 12, PERFMON: 38, BPF: 39 } as const;
const GATE = { readinessGates: [{ conditionType: EBPF_READY }] };

const blocking = (...blockedPorts: readonly number[]) => ({ l4Firewall: { enabled: true, blockedPorts } });

let world: EbpfWorld;
let cluster: RealCluster;

const isReady = async (pod: string) =>
  (await world.pod(pod)).status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;

const conditionIs = (pod: string, status: string, reason: string) =>
  until(`${pod} is ${status}, ${reason}`, async () => {
    const condition = await world.condition(pod);
    if (condition?.status === status && condition.reason === reason) return condition;
    throw new Error(`its condition is ${JSON.stringify(condition)}`);
  });

interface Config {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
  };
}

const conditionOf = async (name: string) => {
  const path = `/apis/podconfig.example.com/v1alpha1/namespaces/${NAMESPACE}/podconfigmapconfigs/${name}`;
  const { status } = await cluster.request<Config>("GET", path);
  return status?.conditions?.find(({ type }) => type === "EbpfReady");
};

/** Waits for the condition EbpfReady of a PodConfigMapConfig. */
const summed = (name: string, status: string, words: readonly string[]) =>
  until(`${name} is ${status}`, async () => {
    const condition = await conditionOf(name);
    if (condition?.status === status && words.every((word) => condition.message.includes(word))) return condition;
    throw new Error(`its condition is ${JSON.stringify(condition)}`);
  });

beforeAll(async () => {
  world = await EbpfWorld.start();
  cluster = world.cluster;
  await deployOperator(cluster);
});

beforeEach(() => {
  onTestFailed(async () => console.error(await agentLogs(cluster)));
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

describe("the agent's process", () => {
  const status = () => readFileSync(`/proc/${agentProcess(cluster)}/status`, "utf8");
  const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status())?.[1] ?? "";

  test("has just three capabilities, can get no more, and is root", () => {
    const wanted = Object.values(CAPABILITIES).reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n);
    for (const set of ["CapEff", "CapPrm", "CapBnd"]) expect(BigInt(`0x${field(set)}`)).toBe(wanted);
    expect(BigInt(`0x${field("CapAmb")}`)).toBe(0n);
    expect(field("NoNewPrivs")).toBe("1");
    expect(field("Uid").split(/\s+/)).toEqual(["0", "0", "0", "0"]);
    // Filtered by seccomp.
    expect(field("Seccomp")).toBe("2");
  });

  test("cannot write its root file system", () => {
    const mounts = readFileSync(`/proc/${agentProcess(cluster)}/mountinfo`, "utf8").split("\n");
    const root = mounts.map((line) => line.split(" ")).find(([, , , , mountPoint]) => mountPoint === "/");
    expect(root?.[5]?.split(",")).toContain("ro");
  });
});

describe("the agent's token", () => {
  /** One that is bound to the agent's Pod, as the agent has it. */
  const reader = async () => {
    const [pod] = await agentPods(cluster);
    return readerWith(cluster, AGENT, "default", [
      "--bound-object-kind=Pod",
      `--bound-object-name=${pod?.metadata.name}`,
    ]);
  };
  const patch = (pod: string, body: object, subresource = "/status") => ({
    path: `/api/v1/namespaces/${NAMESPACE}/pods/${pod}${subresource}`,
    body,
  });

  beforeAll(async () => {
    await world.run("patched");
    await apply(cluster, { apiVersion: "v1", kind: "Node", metadata: { name: "elsewhere" } });
    await world.create("strange", { spec: { nodeName: "elsewhere" } });
  });

  test("can write the condition of a Pod of its node", async () => {
    const condition = { type: EBPF_READY, status: "False", reason: "Pending", message: "by a test" };
    const { path, body } = patch("patched", { status: { conditions: [condition] } });
    expect((await (await reader()).ask("PATCH", path, body)).status).toBe(200);
  });

  test.each([
    ["another condition", { status: { conditions: [{ type: "Ready", status: "False" }] } }],
    ["another field of the status", { status: { message: "by a test" } }],
    ["a label", { metadata: { labels: { app: "mine" } } }],
    ["an annotation", { metadata: { annotations: { mine: "yes" } } }],
    ["a finalizer", { metadata: { finalizers: ["example.com/mine"] } }],
  ])("cannot write %s", async (_, body) => {
    const answer = await (await reader()).ask("PATCH", patch("patched", body).path, body);
    expect(answer.status).toBe(403);
  });

  test("cannot write the condition of a Pod of another node, nor without a node in the token", async () => {
    const body = { status: { conditions: [{ type: EBPF_READY, status: "True", reason: "Attached" }] } };
    expect((await (await reader()).ask("PATCH", patch("strange", body).path, body)).status).toBe(403);
    const unbound = await readerWith(cluster, AGENT, "default");
    expect((await unbound.ask("PATCH", patch("patched", body).path, body)).status).toBe(403);
  });

  test("can do nothing else to Pods, and read no Secret", async () => {
    const token = await reader();
    expect((await token.ask("DELETE", patch("patched", {}, "").path)).status).toBe(403);
    expect((await token.ask("PATCH", patch("patched", {}, "").path, { metadata: { labels: { a: "b" } } })).status).toBe(
      403,
    );
    expect((await token.ask("GET", "/api/v1/secrets")).status).toBe(403);
  });
});

describe("the condition EbpfReady", () => {
  test("of a Pod with the gate is True where nothing applies, and of one without it is not there", async () => {
    await Promise.all([world.run("gated", { spec: GATE }), world.run("plain")]);
    await conditionIs("gated", "True", "NotRequired");
    await until("the Pod is ready", async () => (await isReady("gated")) || undefined);
    expect(await world.condition("plain")).toBeUndefined();
  });

  test("makes a Pod with the gate ready once the rules stand", async () => {
    const generation = await world.configure("gate", { labels: { kind: "guarded" }, ebpfConfig: blocking(8081) });
    const { status } = await world.run("guarded", { labels: { kind: "guarded" }, ports: "8080,8081", spec: GATE });
    const { message } = await world.inKernel("guarded", `gate@${generation}`);
    expect(message).toContain("l4_firewall");
    await until("the Pod is ready", async () => (await isReady("guarded")) || undefined);
    using from = await world.probe("plain");
    expect(await tcp(from, status.podIP, 8081)).toBe("timeout");
  });

  test("of a Pod with the node's network is False where it has a firewall, and nothing is attached", async () => {
    await world.configure("host", { labels: { kind: "host" }, ebpfConfig: blocking(8081) });
    await world.run("host", { labels: { kind: "host" }, spec: { hostNetwork: true } });
    const { message } = await conditionIs("host", "False", "HostNetwork");
    expect(message).toContain("podSelector");
    const { metadata } = await world.pod("host");
    expect(world.links().filter((path) => path.includes(metadata.uid))).toEqual([]);
  });

  test("of the PodConfigMapConfig says how many Pods have it, and why others have not", async () => {
    await summed("gate", "True", ["1/1"]);
    await summed("host", "False", ["0/1", "real-node", "HostNetwork"]);
  });
});

describe("an agent that cannot work", () => {
  const why = async () => (await askAgent(cluster, "/readyz?verbose")).text();
  const restarts = async () => {
    const [pod] = await agentPods(cluster);
    return pod?.status.containerStatuses?.[0]?.restartCount;
  };

  /** Changes the agent's container, and waits until it says why it cannot work. */
  const saysOf = async (what: string, options: AgentOptions) => {
    await changeAgent(cluster, options);
    return until(`it says ${what}`, async () => {
      const answer = await askAgent(cluster, "/readyz");
      const text = `${await answer.text()} ${await agentLogs(cluster)}`;
      if (answer.status !== 200 && text.includes(what)) return text;
      throw new Error(`${answer.status} ${text}`);
    });
  };

  test("for want of a bpffs stays up, is not ready and says what to do", async () => {
    const said = await saysOf("is not on a bpffs", { environment: { BPF_PIN_DIR: "/sys/fs/cgroup/pcmc" } });
    expect(said).toContain("mount -t bpf bpf /sys/fs/bpf");
    expect(await restarts()).toBe(0);
    expect((await askAgent(cluster, "/healthz")).status).toBe(200);
  });

  test("for want of capabilities stays up, is not ready and says which", async () => {
    const said = await saysOf("lacks the capabilit", {
      change: (container) => {
        container.securityContext = {
          ...container.securityContext,
          capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] },
        };
      },
    });
    expect(said).toMatch(/BPF.*PERFMON/);
    expect(await restarts()).toBe(0);
    expect(await why()).not.toBe("");
  });

  test("leaves the rules of before as they are, and is well again when the world is", async () => {
    const { status } = await world.pod("guarded");
    using from = await world.probe("plain");
    expect(await tcp(from, status.podIP, 8081)).toBe("timeout");
    await deployAgent(cluster);
    expect(await restarts()).toBe(0);
    await waitFor(cluster, "pod/guarded", "condition=Ready", NAMESPACE);
    expect(await tcp(from, status.podIP, 8081)).toBe("timeout");
    expect(await tcp(from, status.podIP, 8080)).toBe("connected");
    expect(await kubectl(cluster, ["get", "events", "-A", "-o", "name"])).not.toContain("BackOff");
  });
});

describe("manager and agent in one process, as examples/deployment-with-ebpf.yaml has them", () => {
  beforeAll(async () => {
    await kubectl(cluster, [
      "delete",
      "deployment/podconfigmap-controller",
      `daemonset/${AGENT}`,
      "--cascade=foreground",
    ]);
    await apply(cluster, ...manifestsOf("examples/deployment-with-ebpf.yaml").map(withLocalImage));
    await kubectl(cluster, ["rollout", "status", "daemonset/podconfigmap-controller", "--timeout=90s"]);
  });

  test("enforce, report and count", async () => {
    const ebpfConfig = { ...blocking(8080), metricsExport: { enabled: true, updateInterval: "1s" } };
    const generation = await world.configure("gate", { labels: { kind: "guarded" }, ebpfConfig });
    await world.inKernel("guarded", `gate@${generation}`);
    const { status } = await world.pod("guarded");
    using from = await world.probe("plain");
    expect(await tcp(from, status.podIP, 8080)).toBe("timeout");
    expect(await tcp(from, status.podIP, 8081)).toBe("connected");
    await summed("gate", "True", ["1/1"]);
    const service = [
      "get",
      "service",
      "podconfigmap-controller-metrics",
      "-o",
      "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}",
    ];
    const address = await kubectl(cluster, service);
    await until("the Service's metrics have the verdicts", async () => {
      const samples = parseSamples(await (await fetch(`http://${address}/metrics`)).text());
      const of = (stat_type: string) => samples.sum("ebpf_l4_firewall_total", { pod_name: "guarded", stat_type });
      return (of("allowed") > 0 && of("blocked") > 0) || undefined;
    });
  });
});
