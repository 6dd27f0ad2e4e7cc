/*
 * Specs that users write, legal and refused. Unit tests give them to the offline checks, an integration test to a real API
 * server with our CRD too: so the CEL rules and their twins are held to one verdict on each.
 */

export interface Case {
  readonly name: string;
  readonly spec: unknown;
}

export interface Refused extends Case {
  /** The field that the refusal names. */
  readonly field: string;
  /** A part of the message; the two sides word the plain checks differently, so it is given for rules of ours only. */
  readonly says?: string;
}

const selector = (podSelector: unknown) => ({ podSelector });
const expression = (one: unknown) => selector({ matchExpressions: [one] });
const template = (key: string) => ({ configMapDataTemplate: { [key]: "x" } });
const firewall = (l4Firewall: unknown) => ({ ebpfConfig: { l4Firewall } });
const interval = (updateInterval: unknown) => ({ ebpfConfig: { metricsExport: { enabled: true, updateInterval } } });

/** A label key of `length` characters. */
const longKey = (length: number) => `${"a".repeat(length - 64)}/${"b".repeat(63)}`;

export const legal: readonly Case[] = [
  { name: "an empty spec", spec: {} },
  { name: "no selector", spec: { labelsToInclude: ["app"] } },
  { name: "a null selector", spec: selector(null) },
  { name: "an empty selector", spec: selector({}) },
  { name: "an empty label value", spec: selector({ matchLabels: { app: "" } }) },
  {
    name: "all four operators",
    spec: selector({
      matchLabels: { "app.kubernetes.io/name": "web" },
      matchExpressions: [
        { key: "tier", operator: "In", values: ["a", "b"] },
        { key: "tier", operator: "NotIn", values: ["c", ""] },
        { key: "example.com/x", operator: "Exists" },
        { key: "y", operator: "DoesNotExist", values: [] },
      ],
    }),
  },
  {
    name: "a selector key with the longest prefix",
    spec: expression({ key: `${"a".repeat(253)}/b`, operator: "Exists" }),
  },
  { name: "a label key with a slash", spec: { labelsToInclude: ["app.kubernetes.io/name"] } },
  { name: "a duplicate in a list", spec: { labelsToInclude: ["app", "app"], annotationsToInclude: ["a/b", "a/b"] } },
  { name: "one key as label and as annotation", spec: { labelsToInclude: ["a/b"], annotationsToInclude: ["a_b"] } },
  { name: "the longest label key that fits", spec: { labelsToInclude: [longKey(247)] } },
  { name: "the longest annotation key that fits", spec: { annotationsToInclude: [longKey(242)] } },
  { name: "capitals in an annotation's prefix", spec: { annotationsToInclude: ["Example.COM/owner"] } },
  {
    name: "as many keys as are allowed",
    spec: { labelsToInclude: Array.from({ length: 256 }, (_, i) => `a${i}.example.com/b`) },
  },
  { name: "a template key of a default key's name", spec: template("podName") },
  { name: "a template key of a copied label's name", spec: { ...template("label_a_b"), labelsToInclude: ["a/b"] } },
  {
    name: "templates as large as they may be together",
    spec: { configMapDataTemplate: { a: "x".repeat(524_288), b: "ä".repeat(524_288) } },
  },
  { name: "the longest template key", spec: template("k".repeat(253)) },
  { name: "a template key with every kind of character", spec: template(".a-B_9") },
  { name: "an empty ebpfConfig", spec: { ebpfConfig: {} } },
  {
    name: "a full ebpfConfig",
    spec: {
      ebpfConfig: {
        syscallMonitoring: { enabled: true, syscallNames: ["open", "no_such_call"] },
        l4Firewall: {
          enabled: true,
          allowedPorts: [1, 443, 65535],
          blockedPorts: [22, 443],
          defaultAction: "block",
          direction: "both",
          mode: "audit",
          establishedConnections: "enforce",
        },
        metricsExport: { enabled: true, updateInterval: "1m30s" },
        onFailure: "block",
      },
    },
  },
  ...["1s", "1000ms", "1.5h", "1h0m0s", "0h1s", ".5m", "1.s"].map((value) => ({
    name: `the interval ${value}`,
    spec: interval(value),
  })),
];

const KEY = "spec.podSelector.matchExpressions[0].key";
const VALUES = "spec.podSelector.matchExpressions[0].values";

export const refused: readonly Refused[] = [
  {
    name: "an unknown operator",
    spec: expression({ key: "a", operator: "Foo" }),
    field: "spec.podSelector.matchExpressions[0].operator",
  },
  {
    name: "an operator in small letters",
    spec: expression({ key: "a", operator: "in", values: ["b"] }),
    field: "spec.podSelector.matchExpressions[0].operator",
  },
  {
    name: "a requirement without operator",
    spec: expression({ key: "a" }),
    field: "spec.podSelector.matchExpressions[0].operator",
  },
  { name: "a requirement without key", spec: expression({ operator: "Exists" }), field: KEY },
  {
    name: "In without values",
    spec: expression({ key: "a", operator: "In" }),
    field: VALUES,
    says: "need at least one value",
  },
  {
    name: "NotIn with no value",
    spec: expression({ key: "a", operator: "NotIn", values: [] }),
    field: VALUES,
    says: "need at least one value",
  },
  {
    name: "Exists with values",
    spec: expression({ key: "a", operator: "Exists", values: ["b"] }),
    field: VALUES,
    says: "take no values",
  },
  {
    name: "DoesNotExist with values",
    spec: expression({ key: "a", operator: "DoesNotExist", values: ["b"] }),
    field: VALUES,
    says: "take no values",
  },
  {
    name: "a selector key that is none",
    spec: expression({ key: "a b", operator: "Exists" }),
    field: KEY,
    says: "is not a label key",
  },
  {
    name: "a selector key with two slashes",
    spec: expression({ key: "a/b/c", operator: "Exists" }),
    field: KEY,
    says: "is not a label key",
  },
  {
    name: "a selector key whose prefix is too long",
    spec: expression({ key: `${"a".repeat(254)}/b`, operator: "Exists" }),
    field: KEY,
    says: "is not a label key",
  },
  {
    name: "a selector value that is none",
    spec: expression({ key: "a", operator: "In", values: ["b", "-c"] }),
    field: `${VALUES}[1]`,
    says: "is not a label value",
  },
  {
    name: "a matchLabels key that is none",
    spec: selector({ matchLabels: { "-a": "b" } }),
    field: "spec.podSelector.matchLabels",
    says: "is not a label key",
  },
  {
    name: "a matchLabels value that is none",
    spec: selector({ matchLabels: { a: "b c" } }),
    field: "spec.podSelector.matchLabels",
    says: "is not a label value",
  },
  {
    name: "a matchLabels value that is too long",
    spec: selector({ matchLabels: { a: "b".repeat(64) } }),
    field: "spec.podSelector.matchLabels",
  },
  { name: "a selector that is a string", spec: selector("app=web"), field: "spec.podSelector" },
  {
    name: "two label keys that collide",
    spec: { labelsToInclude: ["a/b", "c", "a_b"] },
    field: "spec.labelsToInclude",
    says: "would become the same data key",
  },
  {
    name: "two annotation keys that collide",
    spec: { annotationsToInclude: ["a_b_c", "a/b_c"] },
    field: "spec.annotationsToInclude",
    says: "would become the same data key",
  },
  {
    name: "a label key that is none",
    spec: { labelsToInclude: ["ok", "not ok"] },
    field: "spec.labelsToInclude[1]",
    says: "is not a key that a Pod's label can have",
  },
  {
    name: "a label key with capitals in its prefix",
    spec: { labelsToInclude: ["Example.com/a"] },
    field: "spec.labelsToInclude[0]",
    says: "is not a key that a Pod's label can have",
  },
  {
    name: "an empty label key",
    spec: { labelsToInclude: [""] },
    field: "spec.labelsToInclude[0]",
    says: "is not a key that a Pod's label can have",
  },
  {
    name: "a label key that is too long for a data key",
    spec: { labelsToInclude: [longKey(248)] },
    field: "spec.labelsToInclude[0]",
    says: "is too long",
  },
  {
    name: "an annotation key that is too long for a data key",
    spec: { annotationsToInclude: [longKey(243)] },
    field: "spec.annotationsToInclude[0]",
    says: "is too long",
  },
  {
    name: "too many label keys",
    spec: { labelsToInclude: Array.from({ length: 257 }, (_, i) => `k${i}`) },
    field: "spec.labelsToInclude",
  },
  { name: "labelsToInclude with null in it", spec: { labelsToInclude: [null] }, field: "spec.labelsToInclude[0]" },
  ...["a/b", "a b", "", ".", "..", "..a", "k".repeat(254), "ä"].map((key) => ({
    name: `the template key ${JSON.stringify(key.slice(0, 8))}`,
    spec: template(key),
    field: "spec.configMapDataTemplate",
    says: "cannot be a key of a ConfigMap",
  })),
  {
    name: "a template that is a number",
    spec: { configMapDataTemplate: { a: 1 } },
    field: "spec.configMapDataTemplate",
  },
  {
    name: "a template that is too large",
    spec: { configMapDataTemplate: { a: "x".repeat(1_048_577) } },
    field: "spec.configMapDataTemplate.a",
  },
  {
    name: "templates that are too large together",
    spec: { configMapDataTemplate: { a: "x".repeat(524_288), b: "x".repeat(524_289) } },
    field: "spec.configMapDataTemplate",
    says: "hold more than 1048576 characters together",
  },
  {
    name: "too many templates",
    spec: { configMapDataTemplate: Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`k${i}`, "x"])) },
    field: "spec.configMapDataTemplate",
  },
  { name: "port 0", spec: firewall({ allowedPorts: [80, 0] }), field: "spec.ebpfConfig.l4Firewall.allowedPorts[1]" },
  {
    name: "port 65536",
    spec: firewall({ blockedPorts: [65536] }),
    field: "spec.ebpfConfig.l4Firewall.blockedPorts[0]",
  },
  {
    name: "a port that is a string",
    spec: firewall({ blockedPorts: ["80"] }),
    field: "spec.ebpfConfig.l4Firewall.blockedPorts[0]",
  },
  {
    name: "an unknown default action",
    spec: firewall({ defaultAction: "deny" }),
    field: "spec.ebpfConfig.l4Firewall.defaultAction",
  },
  { name: "an unknown direction", spec: firewall({ direction: "in" }), field: "spec.ebpfConfig.l4Firewall.direction" },
  { name: "an unknown mode", spec: firewall({ mode: "off" }), field: "spec.ebpfConfig.l4Firewall.mode" },
  {
    name: "an unknown word for connections",
    spec: firewall({ establishedConnections: "drop" }),
    field: "spec.ebpfConfig.l4Firewall.establishedConnections",
  },
  { name: "an unknown onFailure", spec: { ebpfConfig: { onFailure: "retry" } }, field: "spec.ebpfConfig.onFailure" },
  { name: "enabled as a string", spec: firewall({ enabled: "true" }), field: "spec.ebpfConfig.l4Firewall.enabled" },
  ...["", "30", "999ms", "0s", "0", "-5s", "+5s", "1 s", "1d", "s", ".s"].map((value) => ({
    name: `the interval ${JSON.stringify(value)}`,
    spec: interval(value),
    field: "spec.ebpfConfig.metricsExport.updateInterval",
    says: "must be a Go duration of at least 1s",
  })),
  {
    name: "an interval past Go's range",
    spec: interval("9999999999h"),
    field: "spec.ebpfConfig.metricsExport.updateInterval",
  },
];

/** An object with `spec`, as a user applies it. */
export const pcmc = (name: string, spec: unknown) => ({
  apiVersion: "podconfig.example.com/v1alpha1",
  kind: "PodConfigMapConfig",
  metadata: { name, namespace: "default" },
  spec,
});
