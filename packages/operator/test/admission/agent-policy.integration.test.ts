/*
 * What the node agents' ValidatingAdmissionPolicy lets them change, on a real API server with the shipped manifest.
 *
 * Invariants:
 * - With a token bound to its own Pod, an agent sets, changes and removes one condition of the Pods of its node.
 * - Nothing else of a Pod changes by such a token, whichever form a request has: not one field of metadata or status.
 * - A Pod of another node, or of none, is not its business; a token that names no node may do nothing.
 * - All of that holds in whichever namespace the agents run.
 * - What it writes is small.
 * - Nobody else notices the policy, not even with the same request.
 */
import { type Cluster, since, startCluster } from "@pcmc/devcluster";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EBPF_READY } from "../../src/ebpf/condition.ts";
import { AGENT } from "../../src/rbac/names.ts";
import { eventually } from "../integration/support/eventually.ts";
import { agentElsewhere, applyAgent, createPod, PODS, ready, Sender, tokenUser } from "./agent-policy-world.ts";

const MERGE = "merge-patch";
const JSON_PATCH = "json-patch";

/** With the claim in tokens, which it needs, and which came with the same version. */
const policies = since("1.30", "ValidatingAdmissionPolicy v1");

let cluster: Cluster;
let agent: Sender;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  for (const name of ["node-1", "node-2"]) await cluster.request("POST", "/api/v1/nodes", { metadata: { name } });
  await applyAgent(cluster);
  agent = await tokenUser(cluster, await createPod(cluster, "agent-1", "node-1"));
  await createPod(cluster, "web", "node-1");
  await createPod(cluster, "elsewhere", "node-2");
  await createPod(cluster, "unscheduled");
});
afterAll(() => cluster?.stop());

const get = (name: string): Promise<Pod> => cluster.request("GET", `${PODS}/${name}`);

/** A Pod without what the API server changes by itself. */
const content = async (name: string): Promise<object> => {
  const { metadata, spec, status } = await get(name);
  const { managedFields: _, resourceVersion: __, ...kept } = metadata ?? {};
  return { metadata: kept, spec, status };
};

const conditionsOf = ({ status }: Pod): readonly string[] =>
  (status?.conditions ?? []).map(({ type, status: value, reason }) => `${type}=${value} ${reason ?? ""}`.trim()).sort();

describe.skipIf(policies.missing)(`an agent${policies.note}`, () => {
  test("sets, changes and removes its condition on a Pod of its node", async () => {
    expect((await agent.patch("web/status", ready())).code).toBe(200);
    expect(conditionsOf(await get("web"))).toEqual(["Ready=True", `${EBPF_READY}=True Attached`]);
    expect((await agent.patch("web/status", ready("NotRequired"))).code).toBe(200);
    expect(conditionsOf(await get("web"))).toEqual(["Ready=True", `${EBPF_READY}=True NotRequired`]);
    const removal = { status: { conditions: [{ type: EBPF_READY, $patch: "delete" }] } };
    expect((await agent.patch("web/status", removal)).code).toBe(200);
    expect(conditionsOf(await get("web"))).toEqual(["Ready=True"]);
  });

  test("sets it on a Pod that has no condition at all yet", async () => {
    await createPod(cluster, "fresh", "node-1");
    await cluster.request(
      "PATCH",
      `${PODS}/fresh/status`,
      { status: { conditions: null } },
      { contentType: "application/merge-patch+json" },
    );
    expect((await agent.patch("fresh/status", ready())).code).toBe(200);
    expect(conditionsOf(await get("fresh"))).toEqual([`${EBPF_READY}=True Attached`]);
  });

  test("sets it on a Pod that has as much metadata and status as Pods can have", async () => {
    await createPod(cluster, "large", "node-1");
    const annotations = { large: "x".repeat(250_000) };
    const labels = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`example.com/label-${index}`, "x"]));
    const types = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
    const conditions = types.map((type) => ({ type, status: "True", message: "m".repeat(1_000) }));
    const state = { terminated: { exitCode: 1, message: "m".repeat(4_000), finishedAt: "2026-01-01T00:00:00Z" } };
    const containerStatuses = Array.from({ length: 50 }, (_, index) => ({
      name: `container-${index}`,
      image: "example.com/i",
      imageID: "example.com/i@sha256:1",
      ready: false,
      restartCount: index,
      lastState: state,
    }));
    const patch = { metadata: { annotations, labels }, status: { conditions, containerStatuses } };
    await cluster.request("PATCH", `${PODS}/large/status`, patch, { contentType: "application/merge-patch+json" });
    for (const reason of ["Attached", "NotRequired"]) {
      const { code, body } = await agent.patch("large/status", ready(reason));
      expect([code, body.message]).toEqual([200, undefined]);
    }
    expect(conditionsOf(await get("large"))).toEqual(
      [...types.map((type) => `${type}=True`), `${EBPF_READY}=True NotRequired`].sort(),
    );
    const { code } = await agent.patch("large/status", {
      metadata: { annotations: { large: `${annotations.large}x` } },
    });
    expect(code).toBe(403);
  });

  test("sets it on a Pod that terminates", async () => {
    await createPod(cluster, "ending", "node-1");
    await cluster.request("DELETE", `${PODS}/ending`);
    expect((await agent.patch("ending/status", ready())).code).toBe(200);
  });

  test.each([
    ["another node", "elsewhere", "node node-2"],
    ["no node", "unscheduled", "no node"],
  ])("may not set it on a Pod of %s", async (_, pod, named) => {
    const { code, body } = await agent.patch(`${pod}/status`, ready());
    expect(code).toBe(403);
    expect(body.message).toContain(`the agent of node node-1 may not change a Pod of ${named}`);
    expect(conditionsOf(await get(pod))).toEqual(["Ready=True"]);
  });
});

describe.skipIf(policies.missing)(`an agent may not, on a Pod of its own node,${policies.note}`, () => {
  const status = (fields: object) => ({ status: fields });
  const metadata = (fields: object) => ({ metadata: fields });
  const condition = (fields: object) => status({ conditions: [fields] });
  const owner = { apiVersion: "v1", kind: "Node", name: "node-1", uid: "1" };

  const refused: readonly (readonly [what: string, patch: object, type?: string])[] = [
    ["add a label", metadata({ labels: { other: "1" } })],
    ["change a label", metadata({ labels: { app: "db" } })],
    ["remove a label", metadata({ labels: { app: null } })],
    ["remove all labels", metadata({ labels: null }), MERGE],
    ["add an annotation", metadata({ annotations: { other: "1" } })],
    ["change an annotation", metadata({ annotations: { note: "lost" } })],
    ["remove an annotation", metadata({ annotations: { note: null } })],
    ["add a finalizer", metadata({ finalizers: ["example.com/other"] })],
    ["remove the finalizers", metadata({ finalizers: null }), MERGE],
    ["change the phase", status({ phase: "Failed" })],
    ["change the reason", status({ reason: "Evicted" })],
    ["change the message", status({ message: "gone" })],
    ["change the Pod's address", status({ podIP: "10.9.9.9", podIPs: [{ ip: "10.9.9.9" }] }), MERGE],
    ["remove the Pod's address", status({ podIP: null, podIPs: null }), MERGE],
    ["change the host's address", status({ hostIP: "10.9.9.9" })],
    ["say when it started", status({ startTime: "2026-01-01T00:00:00Z" })],
    ["set the status of a container", status({ containerStatuses: [{ name: "main", ready: true, restartCount: 0 }] })],
    ["set how a resize goes", status({ resize: "Infeasible" })],
    ["set the condition Ready", condition({ type: "Ready", status: "False" })],
    ["add another condition", condition({ type: "PodScheduled", status: "False" })],
    ["add a condition for another gate", condition({ type: "example.com/Gate", status: "True" })],
    ["remove the condition Ready", condition({ type: "Ready", $patch: "delete" })],
    ["replace all conditions by its own", ready(), MERGE],
    ["do something else beside its condition", { ...ready(), ...metadata({ labels: { other: "1" } }) }],
    ["change a label by a JSON patch", [{ op: "replace", path: "/metadata/labels/app", value: "db" }], JSON_PATCH],
    ["insert a condition before the others", [insertion("example.com/Gate")], JSON_PATCH],
  ];

  function insertion(type: string) {
    return { op: "add", path: "/status/conditions/0", value: { type, status: "True" } };
  }

  test.for(refused)("%s", async ([, patch, type]) => {
    const before = await content("web");
    const { code, body } = await agent.patch("web/status", patch, type);
    expect([code, body.message]).toEqual([403, expect.stringContaining("the agent may not change")]);
    expect(await content("web")).toEqual(before);
  });

  test("have its condition twice", async () => {
    const conditions = [
      { type: "Ready", status: "True" },
      ...ready().status.conditions,
      ...ready("Other").status.conditions,
    ];
    const { code, body } = await agent.patch("web/status", status({ conditions }), MERGE);
    expect([code, body.message]).toEqual([403, expect.stringContaining("may stand in a Pod once")]);
  });

  const own = (fields: object) => condition({ type: EBPF_READY, status: "True", reason: "Attached", ...fields });

  test.each([
    ["a message that is too large", own({ message: "m".repeat(4_097) })],
    ["a reason that is too large", own({ reason: "R".repeat(129) })],
    ["a status that there is none of", own({ status: "T".repeat(10_000) })],
  ])("give its condition %s", async (_, patch) => {
    const before = await content("web");
    const { code, body } = await agent.patch("web/status", patch);
    expect([code, body.message]).toEqual([403, expect.stringContaining("a message of 4096")]);
    expect(await content("web")).toEqual(before);
  });

  test.each([
    ["the owners", metadata({ ownerReferences: [owner] })],
    ["the spec", { spec: { activeDeadlineSeconds: 1 } }],
    ["the QoS class", status({ qosClass: "Guaranteed" })],
    ["the nominated node", status({ nominatedNodeName: "node-2" })],
  ])("change %s, which the API server keeps by itself", async (_, patch) => {
    const before = await content("web");
    await agent.patch("web/status", patch);
    expect(await content("web")).toEqual(before);
  });
});

describe.skipIf(policies.missing)(`an agent that runs in another namespace${policies.note}`, () => {
  let elsewhere: Sender;
  beforeAll(async () => {
    elsewhere = await agentElsewhere(cluster, "agents", "node-2");
  });

  test("sets its condition on a Pod of its node, as large as it may be", async () => {
    const [condition] = ready().status.conditions;
    const large = { ...condition, message: "ü".repeat(4_096), reason: "R".repeat(128) };
    const { code, body } = await elsewhere.patch("elsewhere/status", { status: { conditions: [large] } });
    expect([code, body.message]).toEqual([200, undefined]);
    const removal = { status: { conditions: [{ type: EBPF_READY, $patch: "delete" }] } };
    expect((await elsewhere.patch("elsewhere/status", removal)).code).toBe(200);
  });

  test.each([
    ["a Pod of another node", "web", ready()],
    ["a label of a Pod of its node", "elsewhere", { metadata: { labels: { app: "db" } } }],
  ])("may not change %s", async (_, pod, patch) => {
    const { code, body } = await elsewhere.patch(`${pod}/status`, patch);
    expect([code, body.message]).toEqual([403, expect.stringContaining("may not change")]);
  });
});

describe.skipIf(policies.missing)(`a wider role, given by mistake, gives an agent no more:${policies.note}`, () => {
  beforeAll(async () => {
    const subjects = [{ kind: "ServiceAccount", name: AGENT.name, namespace: "default" }];
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" };
    const path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    await cluster.request("POST", path, { metadata: { name: "by-mistake" }, roleRef, subjects });
    await eventually("RBAC knows of it", async () => (await agent.send("GET", "/api/v1/secrets")).code === 200);
  });
  afterAll(async () => {
    await cluster.request("DELETE", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/by-mistake");
  });

  const pod = {
    metadata: { name: "new" },
    spec: { containers: [{ name: "main", image: "example.com/never-pulled" }] },
  };
  const attempts: readonly (readonly [string, string, string, unknown?, string?])[] = [
    ["it creates no Pod", "POST", PODS, pod],
    ["it deletes no Pod", "DELETE", `${PODS}/web`],
    [
      "it evicts no Pod",
      "POST",
      `${PODS}/web/eviction`,
      { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "web" } },
    ],
    [
      "it binds no Pod",
      "POST",
      `${PODS}/unscheduled/binding`,
      { metadata: { name: "unscheduled" }, target: { kind: "Node", name: "node-1" } },
    ],
    ["it changes no Pod", "PATCH", `${PODS}/web`, { metadata: { labels: { a: "b" } } }, "application/merge-patch+json"],
    ["it runs nothing in a Pod", "POST", `${PODS}/web/exec?command=id&stdout=true`],
  ];

  test.for(attempts)("%s", async ([, method, path, body, contentType]) => {
    const { code, body: answer } = await agent.send(method, path, body, contentType);
    expect([code, answer.message]).toEqual([403, expect.stringContaining("nothing of a Pod but its condition")]);
  });

  test("nor does it put a whole status in the place of another", async () => {
    const held = await get("web");
    const { code } = await agent.send("PUT", `${PODS}/web/status`, { ...held, status: { phase: "Failed" } });
    expect(code).toBe(403);
  });
});

describe.skipIf(policies.missing)(`without a claim on a node${policies.note}`, () => {
  test("a token that is bound to nothing is refused", async () => {
    const { code, body } = await (await tokenUser(cluster)).patch("web/status", ready());
    expect([code, body.message]).toEqual([403, expect.stringContaining("the token names no node")]);
  });

  test("a token that is bound to a Pod without a node is refused, on Pods without a node too", async () => {
    const user = await tokenUser(cluster, await get("unscheduled"));
    for (const pod of ["web", "unscheduled"]) {
      const { code, body } = await user.patch(`${pod}/status`, ready());
      expect([code, body.message]).toEqual([403, expect.stringContaining("the token names no node")]);
    }
  });

  test("a certificate in the agent's name is refused", async () => {
    const user = new Sender(cluster, await cluster.addUser({ name: `system:serviceaccount:default:${AGENT.name}` }));
    const { code, body } = await user.patch("web/status", ready());
    expect([code, body.message]).toEqual([403, expect.stringContaining("the token names no node")]);
  });
});

describe.skipIf(policies.missing)(`nobody else is concerned:${policies.note}`, () => {
  test("a kubelet writes the whole status of Pods", async () => {
    const kubelet = new Sender(
      cluster,
      await cluster.addUser({ name: "system:node:node-2", groups: ["system:nodes"] }),
    );
    const binding = {
      metadata: { name: "kubelets" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:node" },
      subjects: [{ kind: "Group", name: "system:nodes", apiGroup: "rbac.authorization.k8s.io" }],
    };
    await cluster.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding);
    const patch = { status: { phase: "Failed", message: "said by the kubelet" } };
    await eventually("RBAC knows kubelets", async () => (await kubelet.patch("elsewhere/status", patch)).code === 200);
    expect((await get("elsewhere")).status?.message).toBe("said by the kubelet");
  });

  test("an admin changes whatever he likes", async () => {
    const patch = { metadata: { labels: { by: "admin" } }, status: { message: "said by the admin" } };
    await cluster.request("PATCH", `${PODS}/web/status`, patch, { contentType: "application/merge-patch+json" });
    expect((await get("web")).metadata?.labels?.by).toBe("admin");
  });
});
