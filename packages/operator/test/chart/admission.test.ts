/*
 * What the chart registers for admission, against what the code declares.
 *
 * Invariants, for releases in several namespaces, with and without namespaces to watch:
 * - The webhooks are the code's, for the Service in the release's namespace, without a caBundle.
 * - Injection leaves alone the namespaces of Kubernetes and the release's own, unless that is `default`.
 * - The policy for agents is the code's, for the account that they run as, and for nobody else's of that name.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type AgentAccount,
  agentAdmissionPolicy,
  agentAdmissionPolicyBinding,
} from "../../src/admission/agent-policy.ts";
import {
  mutatingWebhookConfiguration,
  type ValidatedGroup,
  validatingWebhookConfiguration,
} from "../../src/admission/manifests.ts";
import { Helm, only, type Values } from "./support/helm.ts";

let helm: Helm;
beforeAll(async () => {
  helm = await Helm.start();
});
afterAll(() => helm?.[Symbol.dispose]());

const cases = ["ops", "default", "kube-system"].flatMap((namespace) =>
  [[], ["shop"], ["shop", "pay"]].map((watchNamespaces) => ({ namespace, watchNamespaces })),
);

test.each(cases)("injection for a release in $namespace that watches $watchNamespaces", async (one) => {
  const { namespace, watchNamespaces } = one;
  const objects = await helm.objects({ watchNamespaces }, { namespace });
  const declared = mutatingWebhookConfiguration({ namespace }, { ownNamespace: namespace, watchNamespaces });
  expect(only(objects, "MutatingWebhookConfiguration").webhooks).toEqual(declared.webhooks);
});

test.each<readonly ValidatedGroup[][]>([[["podconfigmap", "watcher"]], [["watcher"]], [["podconfigmap"]]])(
  "validation of what %s concerns",
  async (groups) => {
    const objects = await helm.objects({ controllers: [...groups, "podlogreader"] });
    const declared = validatingWebhookConfiguration({ namespace: "ops" }, groups);
    expect(only(objects, "ValidatingWebhookConfiguration").webhooks).toEqual(declared.webhooks);
  },
);

const AGENT = "podconfigmap-controller-agent";
const NODE = "podconfigmap-controller-node";
const theirs = { create: false, name: "default" };

test.each<readonly [what: string, values: Values, name: string, account: AgentAccount]>([
  ["the agent", { agent: { enabled: true } }, AGENT, { name: AGENT, namespace: "ops" }],
  ["manager and agent in one", { role: "all" }, NODE, { name: "podconfigmap-controller", namespace: "ops" }],
  [
    "manager and agent by an account of others",
    { role: "all", serviceAccount: theirs },
    NODE,
    { name: "default", namespace: "ops" },
  ],
  ["an agent that is moved", { agent: { enabled: true, admissionPolicyAnyNamespace: true } }, AGENT, { name: AGENT }],
])("%s may change what the code's policy says", async (_, values, name, account) => {
  const objects = await helm.objects(values);
  expect(only(objects, "ValidatingAdmissionPolicy", name).spec).toEqual(agentAdmissionPolicy(account).spec);
  const binding = only(objects, "ValidatingAdmissionPolicyBinding", name).spec;
  expect(binding).toEqual({ ...agentAdmissionPolicyBinding().spec, policyName: name });
});
