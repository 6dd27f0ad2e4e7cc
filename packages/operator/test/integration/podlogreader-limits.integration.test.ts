/*
 * Many Pods in one Role, on a real API server.
 *
 * Invariants:
 * - Whatever the number of Pods, a Role names Pods and never means all.
 * - What is beyond the limit of a Role is told, and what is within it is granted: the API server and etcd take it.
 */
import { since } from "@pcmc/devcluster";
import { expect, test } from "vitest";
import { desiredObjects } from "../../src/podlogreader/role.ts";
import { useScene } from "../podlogreader/support/scene.ts";
import type { Shop } from "../podlogreader/support/shop.ts";
import { eventually } from "./support/eventually.ts";

const policies = since("1.30", "ValidatingAdmissionPolicy v1");

const scene = useScene({ workloads: false });

/** Names of Pods of the longest form that a ReplicaSet gives them. */
const longNames = (count: number) =>
  Array.from({ length: count }, (_, i) => `${"p".repeat(57)}-${String(i).padStart(5, "0")}`);

const createPods = async (shop: Shop, names: readonly string[]): Promise<void> => {
  const deployment = await shop.deploy("web", { replicas: names.length });
  const set = await shop.createReplicaSet(deployment);
  const rest = names.values();
  const worker = async () => {
    for (const name of rest) await shop.createPod(set, name);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  await shop.settle("web");
};

test("1,200 Pods are in one Role, each by its name, and one that goes goes from it", async () => {
  const shop = await scene.shop();
  const names = longNames(1_200);
  await createPods(shop, names);
  const reader = await scene.read(shop, { allowPodGet: true });
  await shop.grants("podlogreader-web", names);
  expect(await scene.writes(reader)).toHaveLength(1);
  await shop.remove("pods", names[600] ?? "");
  await shop.grants("podlogreader-web", names.toSpliced(600, 1));
  expect(await shop.eventsOn("web")).toEqual([]);
});

test("the largest Role that is ever written is taken by API server and etcd, with annotations as large as they may be", async () => {
  const shop = await scene.shop();
  for (const allowPodGet of [false, true]) {
    const owner = { name: `web-${allowPodGet}`, namespace: shop.name, uid: "11111111-0000-0000-0000-000000000000" };
    const { role, left } = desiredObjects(owner, longNames(20_000), { createSaAndRoleBinding: false, allowPodGet });
    expect(left).toBeGreaterThan(0);
    // 256 KiB are allowed for keys and values together (apimachinery, TotalAnnotationSizeLimitB).
    const annotations = { ...role.metadata?.annotations, note: "n".repeat(255 * 1_024) };
    const created = await shop.create("roles", { ...role, metadata: { ...role.metadata, annotations } });
    expect(created.rules).toEqual(role.rules);
  }
});

test.skipIf(policies.missing)(
  `a write that the API server refuses for a reason that stays is told on the Deployment, and the Role stays as it was${policies.note}`,
  async () => {
    const shop = await scene.shop();
    const deployment = await shop.deploy("web", { replicas: 1 });
    const set = await shop.createReplicaSet(deployment);
    await shop.createPod(set, "web-1a2b-a");
    await shop.settle("web");
    await scene.read(shop, { recheckPeriod: 50 });
    await shop.grants("podlogreader-web", ["web-1a2b-a"]);
    const policy = policyAgainst(shop.name);
    for (const [path, object] of policy) await scene.cluster.request("POST", `${ADMISSION}/${path}`, object);
    await eventually("the policy is in force", async () => {
      const refused = await shop.create("roles", { metadata: { name: "probe" }, rules: [] }).then(
        () => false,
        () => true,
      );
      if (!refused) await shop.remove("roles", "probe");
      return refused;
    });
    await shop.createPod(set, "web-1a2b-b");
    await eventually("it is told", async () => (await shop.eventsOn("web", "AdmissionDenied")).length === 1);
    expect(await shop.readable("podlogreader-web")).toEqual(["web-1a2b-a"]);
    for (const [path, object] of policy)
      await scene.cluster.request("DELETE", `${ADMISSION}/${path}/${object.metadata.name}`);
    await shop.grants("podlogreader-web", ["web-1a2b-a", "web-1a2b-b"]);
  },
);

const ADMISSION = "/apis/admissionregistration.k8s.io/v1";

/** A policy that lets nobody write Roles in a namespace. */
const policyAgainst = (namespace: string) =>
  [
    [
      "validatingadmissionpolicies",
      {
        metadata: { name: `no-roles-${namespace}` },
        spec: {
          matchConstraints: {
            resourceRules: [
              {
                apiGroups: ["rbac.authorization.k8s.io"],
                apiVersions: ["v1"],
                operations: ["CREATE", "UPDATE"],
                resources: ["roles"],
              },
            ],
          },
          validations: [{ expression: "false", message: "no Roles today" }],
        },
      },
    ],
    [
      "validatingadmissionpolicybindings",
      {
        metadata: { name: `no-roles-${namespace}` },
        spec: {
          policyName: `no-roles-${namespace}`,
          validationActions: ["Deny"],
          matchResources: { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } } },
        },
      },
    ],
  ] as const;
