import fc from "fast-check";

/*
 * Specs and metadata as people might write them: mostly sound, now and then at or past a limit. Each value comes from a small
 * pool, so that duplicates, collisions and contradictions come about.
 */

/** Mostly one of `sound`, sometimes one of `unsound`. */
const pool = <T>(sound: readonly T[], unsound: readonly T[]) =>
  fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...sound) }, { weight: 1, arbitrary: fc.constantFrom(...unsound) });

const some = <T>(items: fc.Arbitrary<T>, maxLength = 4) => fc.array(items, { maxLength });
const mapOf = <T>(keys: fc.Arbitrary<string>, values: fc.Arbitrary<T>) => fc.dictionary(keys, values, { maxKeys: 3 });
const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(fields, { requiredKeys: [] });

const labelKey = pool(
  ["app", "a/b", "a_b", "app.kubernetes.io/name", "A.b-c", `${"p".repeat(253)}/n`, "x".repeat(63)],
  ["", "-a", "a b", "a/b/c", "A.B/c", "ä", "x".repeat(64), `${"p".repeat(254)}/n`, "a\nb"],
);
const labelValue = pool(["", "web", "a.b_c-D", "v".repeat(63)], ["-a", "a b", "v".repeat(64), "ä", "a\n"]);
const operator = pool<string>(["In", "NotIn", "Exists", "DoesNotExist"], ["in", "", "Equals"]);
const dataKey = pool(
  [".a", "app.conf", "podName", "k".repeat(253)],
  ["", ".", "..", "..a", "a/b", "k".repeat(254), "a\n"],
);
const port = pool([1, 22, 443, 65_535], [0, -1, 65_536]);
const duration = pool(["1s", "1m30s", "1500ms", "0.5h", "1000000us"], ["", "0s", "999ms", "-5s", "1d", "5", "1s "]);
const flag = fc.oneof({ weight: 12, arbitrary: fc.boolean() as fc.Arbitrary<unknown> }, fc.constant("true"));

const expression = fc.oneof(
  fc.record({ key: labelKey, operator, values: some(labelValue) }),
  fc.record({ key: labelKey, operator }),
);

export const someSpec = record({
  podSelector: fc.oneof(
    fc.constant(null),
    record({ matchLabels: mapOf(labelKey, labelValue), matchExpressions: some(expression) }),
  ),
  labelsToInclude: some(labelKey),
  annotationsToInclude: some(labelKey),
  configMapDataTemplate: mapOf(dataKey, fc.constantFrom("", "x", "{{ .podName }}")),
  ebpfConfig: record({
    syscallMonitoring: record({ enabled: flag, syscallNames: some(pool(["open", "nope", ""], ["n".repeat(65)])) }),
    l4Firewall: record({
      enabled: flag,
      allowedPorts: some(port),
      blockedPorts: some(port),
      defaultAction: pool(["allow", "block"], ["deny"]),
      direction: pool(["ingress", "egress", "both"], ["in"]),
      mode: pool(["enforce", "audit"], ["off"]),
      establishedConnections: pool(["keep", "enforce"], ["drop"]),
    }),
    metricsExport: record({ enabled: flag, updateInterval: duration }),
    onFailure: pool(["allow", "block"], ["retry"]),
  }),
});

export const someMetadata = fc.record({
  name: pool(["a", "a-b.c", "0", "n".repeat(253)], ["A", "-a", "a-", "a..b", "a_b", "n".repeat(254), "a\n"]),
  labels: mapOf(labelKey, labelValue),
  annotations: mapOf(
    pool(["app", "a/b", "Example.COM/Owner", "A.b-c"], ["", "-a", "a b", "a/b/c", "/a", "a/", "x".repeat(64)]),
    fc.constantFrom("", "any text at all: ä\n"),
  ),
});
