/*
 * What the API server refuses although the request is right: quota, admission, permission.
 *
 * Invariants:
 * - A standing refusal counts as finished, is named in the status, and is tried again until it is lifted.
 * - One Pod's refusal is not another's.
 */
import { since } from "@pcmc/devcluster";
import { expect, test } from "vitest";
import { GENERATED_BY } from "../../src/podconfigmap/ownership.ts";
import { eventually } from "./support/eventually.ts";
import { eventuallyExact } from "./support/oracle.ts";
import { useWorld } from "./support/world.ts";

const admission = since("1.30", "ValidatingAdmissionPolicy v1");

const world = useWorld();

/** Milliseconds between two looks at what is in the way. */
const RECHECK = 200;
const MERGE = { contentType: "application/merge-patch+json" };

const countIn = async (namespace: { list(kind: "configmaps"): Promise<readonly { metadata: { name: string } }[]> }) =>
  (await namespace.list("configmaps")).filter(({ metadata }) => metadata.name.startsWith("pod-")).length;

test("a ResourceQuota of ConfigMaps that is used up is named, and once it is raised the others appear", async () => {
  const namespace = await world.namespace();
  const quotas = `/api/v1/namespaces/${namespace.name}/resourcequotas`;
  // It counts too.
  await eventually("the namespace has its kube-root-ca.crt", () => namespace.get("configmaps", "kube-root-ca.crt"));
  const hard = { "count/configmaps": "3" };
  await world.cluster.request("POST", quotas, { metadata: { name: "few" }, spec: { hard } });
  await eventually("the quota is in force", async () => {
    const { status } = await world.cluster.request<{ status?: { hard?: object } }>("GET", `${quotas}/few`);
    return status?.hard !== undefined;
  });
  for (const pod of ["a", "b", "c", "d"]) await namespace.createPod(pod);
  await namespace.createConfig("app");
  const manager = world.manage(namespace, { recheckPeriod: RECHECK });
  const { message } = await namespace.ready("app", { status: "False", reason: "QuotaExceeded" });
  expect(message).toContain("exceeded quota: few");
  expect(await namespace.condition("app", "Refused")).toMatchObject({ status: "True", reason: "QuotaExceeded" });
  expect((await namespace.settled("app")).status).toMatchObject({ matched: 4, failed: 2 });
  expect(await countIn(namespace)).toBe(2);
  expect(await manager.scrape()).toContain('error_type="quota_exceeded"');
  // Tried again and again, told once for each Pod.
  const tries = await manager.reconciles("pod", "requeue_after");
  await eventually("it is tried again", async () => (await manager.reconciles("pod", "requeue_after")) > tries + 4);
  expect(manager.linesOf("warning")).toHaveLength(2);

  const raised = { spec: { hard: { "count/configmaps": "20" } } };
  await world.cluster.request("PATCH", `${quotas}/few`, raised, MERGE);
  await namespace.ready("app", { status: "True" });
  await eventuallyExact(namespace);
});

test.skipIf(admission.missing)(
  `an admission policy that denies a ConfigMap is named, and once it is gone the ConfigMap appears${admission.note}`,
  async () => {
    const namespace = await world.namespace();
    const policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
    const bindings = `${policies.slice(0, -"policies".length)}policybindings`;
    const rule = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE", "UPDATE"], resources: ["configmaps"] };
    await world.cluster.request("POST", policies, {
      metadata: { name: "no-generated" },
      spec: {
        matchConstraints: { resourceRules: [rule] },
        validations: [
          {
            expression: `!('${GENERATED_BY}' in object.metadata.?labels.orValue({})) || object.metadata.labels['${GENERATED_BY}'] != 'app'`,
          },
        ],
      },
    });
    await world.cluster.request("POST", bindings, {
      metadata: { name: "no-generated" },
      spec: {
        policyName: "no-generated",
        validationActions: ["Deny"],
        matchResources: { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace.name } } },
      },
    });
    const probe = { metadata: { name: "probe", labels: { [GENERATED_BY]: "app" } } };
    await eventually("the policy is in force", async () => {
      const created = namespace.create("configmaps", probe).then(() => namespace.remove("configmaps", "probe"));
      return created.then(
        () => false,
        () => true,
      );
    });
    for (const pod of ["web", "db"]) await namespace.createPod(pod);
    for (const config of ["app", "ops"]) await namespace.createConfig(config);
    world.manage(namespace, { recheckPeriod: RECHECK });
    const { message } = await namespace.ready("app", { status: "False", reason: "AdmissionDenied" });
    expect(message).toContain("no-generated");
    await namespace.ready("ops", { status: "True" });
    expect(await countIn(namespace)).toBe(2);
    expect((await namespace.settled("app")).status?.failed).toBe(2);

    await world.cluster.request("DELETE", `${bindings}/no-generated`);
    await namespace.ready("app", { status: "True" });
    await eventuallyExact(namespace);
  },
);
