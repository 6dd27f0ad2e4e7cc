/* Invariants: the webhook never keeps a Pod from being created; the API server asks it about no Pod that it leaves alone. */
import { expect, test } from "vitest";
import { injectionPermissions } from "../../src/admission/injection/permissions.ts";
import { mutatingWebhookConfiguration } from "../../src/admission/manifests.ts";
import { whyExcluded } from "../../src/watcher/excluded-namespaces.ts";

const webhookFor = (...parameters: Parameters<typeof mutatingWebhookConfiguration>) => {
  const [webhook] = mutatingWebhookConfiguration(...parameters).webhooks;
  if (webhook === undefined) throw new Error("there is no webhook");
  return webhook;
};
const webhook = webhookFor({ namespace: "ops" }, { ownNamespace: "ops" });

test("Pods are created with the webhook down, and soon with one that hangs; it may be asked again", () => {
  expect(webhook).toMatchObject({
    failurePolicy: "Ignore",
    sideEffects: "None",
    timeoutSeconds: 3,
    reinvocationPolicy: "IfNeeded",
  });
});

test("only the creation of Pods comes to it", () => {
  const rule = {
    apiGroups: [""],
    apiVersions: ["v1"],
    resources: ["pods"],
    operations: ["CREATE"],
    scope: "Namespaced",
  };
  expect(webhook.rules).toEqual([rule]);
});

test("it is reached by its Service, or by a URL", () => {
  expect(webhook.clientConfig).toMatchObject({ service: { namespace: "ops", path: "/inject/pods" } });
  const outside = webhookFor({ url: "https://127.0.0.1:9443/" }, { ownNamespace: "default" });
  expect(outside.clientConfig).toEqual({ url: "https://127.0.0.1:9443/inject/pods" });
});

test("Kubernetes' namespaces, the operator's and those that opt out are excluded", () => {
  expect(webhook.namespaceSelector.matchExpressions).toEqual([
    {
      key: "kubernetes.io/metadata.name",
      operator: "NotIn",
      values: ["kube-system", "kube-public", "kube-node-lease", "ops"],
    },
    { key: "watch.example.com/injection", operator: "NotIn", values: ["disabled"] },
  ]);
});

test("an operator in default excludes itself and not the namespace", () => {
  const { namespaceSelector, objectSelector } = webhookFor({ namespace: "default" }, { ownNamespace: "default" });
  expect(JSON.stringify(namespaceSelector)).not.toContain('"default"');
  expect(objectSelector.matchExpressions).toEqual([
    {
      key: "app.kubernetes.io/name",
      operator: "NotIn",
      values: ["podconfigmap-controller", "podconfigmap-controller-agent", "podconfigmap-controller-uninstall"],
    },
  ]);
});

test("of an operator that watches some namespaces, only those are asked about", () => {
  const { namespaceSelector } = webhookFor({ url: "https://a" }, { ownNamespace: "ops", watchNamespaces: ["b", "a"] });
  expect(namespaceSelector.matchExpressions).toContainEqual({
    key: "kubernetes.io/metadata.name",
    operator: "In",
    values: ["a", "b"],
  });
});

test("the handler's exclusions are those of the registration", () => {
  for (const name of ["kube-system", "kube-public", "kube-node-lease", "ops"])
    expect(whyExcluded({ name, labels: undefined }, "ops")).toBe(`namespace ${name} is not for injection`);
  const labels = { "watch.example.com/injection": "disabled" };
  expect(whyExcluded({ name: "shop", labels }, "ops")).toContain("watch.example.com/injection=disabled");
  expect(whyExcluded({ name: "shop", labels: {} }, "ops")).toBeUndefined();
  expect(whyExcluded({ name: "default", labels: undefined }, "default")).toBeUndefined();
});

test("of configurations only the one of its name may be touched", () => {
  for (const { group, names } of injectionPermissions)
    if (group !== "") expect(names).toEqual(["podconfigmap-controller"]);
});
