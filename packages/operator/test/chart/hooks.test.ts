/*
 * What the chart has Helm do before and after a release is removed.
 *
 * Invariants:
 * - The Job by which agents detach runs as the manager's Pods do: image, pull policy, files, network; and where they do, so with
 *   role all on the nodes of agent.*.
 * - Nothing is injected into its Pod, by us or by who goes by labels and annotations of the manager's.
 * - What an interrupted removal leaves is found by `pcmc uninstall`, and no Service of the manager's selects the Job's Pod.
 * - Who says so has nothing done after the removal, as Argo CD needs it.
 * - Certificates that were made for the release go with it, whoever made them, and nobody else's do.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UNINSTALL_JOB } from "../../src/rbac/names.ts";
import { OWN_PODS } from "../../src/watcher/excluded-namespaces.ts";
import { documented } from "./support/documented.ts";
import { type ChartObject, containerOf, Helm, objectsIn, only, type Values } from "./support/helm.ts";

let helm: Helm;
beforeAll(async () => {
  helm = await Helm.start();
});
afterAll(() => helm?.[Symbol.dispose]());

const NAME = "podconfigmap-controller";

const all = async (values: Values) => objectsIn(await helm.render({ crds: { install: false }, ...values }));
const hooksIn = (objects: readonly ChartObject[], when: string) =>
  objects.filter(({ metadata }) => metadata.annotations?.["helm.sh/hook"] === when);

describe("the Job by which agents detach", () => {
  const agent = { enabled: true };

  test("comes with what it needs, all of which has the label that pcmc uninstall looks for", async () => {
    const hooks = hooksIn(await all({ agent, networkPolicy: { enabled: true } }), "pre-delete");
    expect(hooks.map(({ kind }) => kind).sort()).toEqual([
      "Job",
      "NetworkPolicy",
      "Role",
      "RoleBinding",
      "ServiceAccount",
    ]);
    for (const { metadata } of hooks) expect(metadata.labels).toMatchObject({ "app.kubernetes.io/name": NAME });
  });

  test("has a Pod that its NetworkPolicy selects, and no Service of the manager's", async () => {
    const objects = await all({ agent, networkPolicy: { enabled: true } });
    const labels = only(objects, "Job").spec?.template?.metadata.labels;
    expect(labels).toEqual({ [OWN_PODS.key]: UNINSTALL_JOB });
    expect(OWN_PODS.values).toContain(UNINSTALL_JOB);
    expect(only(objects, "NetworkPolicy", `${NAME}-uninstall`).spec?.podSelector).toEqual({ matchLabels: labels });
    for (const { spec } of objects.filter(({ kind }) => kind === "Service")) {
      expect(spec?.selector).not.toEqual(labels);
    }
  });

  test("may connect to what the manager may: DNS, the API server, and what values add", async () => {
    const extraEgress = [{ to: [{ ipBlock: { cidr: "192.0.2.0/24" } }] }];
    const objects = await all({ agent, networkPolicy: { enabled: true, apiServerPorts: [8443], extraEgress } });
    const egress = only(objects, "NetworkPolicy", `${NAME}-uninstall`).spec?.egress;
    expect(egress).toEqual([
      {
        ports: [
          { port: 53, protocol: "UDP" },
          { port: 53, protocol: "TCP" },
        ],
      },
      { ports: [{ port: 8443, protocol: "TCP" }] },
      ...extraEgress,
    ]);
    expect(egress).toEqual(only(objects, "NetworkPolicy", NAME).spec?.egress);
  });

  test("has the manager's environment and files of others", async () => {
    const extraVolumes = [{ name: "ca", configMap: { name: "ca" } }];
    const extraVolumeMounts = [{ name: "ca", mountPath: "/etc/ca" }];
    const extraEnv = [{ name: "NODE_EXTRA_CA_CERTS", value: "/etc/ca/ca.crt" }];
    const job = only(await all({ agent, extraVolumes, extraVolumeMounts, extraEnv }), "Job");
    expect(job.spec?.template?.spec.volumes).toEqual(extraVolumes);
    expect(containerOf(job)).toMatchObject({ volumeMounts: extraVolumeMounts, env: extraEnv });
  });

  test.each<readonly [string, object]>([
    ["manager", { a: "manager", b: "manager" }],
    ["all", { a: "manager", b: "manager", c: "agent" }],
  ])("with role %s has the labels and annotations of that process's Pod, and its own name", async (role, expected) => {
    const own = { a: "manager", b: "manager" };
    const ofAgent = { a: "agent", c: "agent" };
    const name = { [OWN_PODS.key]: "another" };
    const agent = { enabled: role === "manager", podLabels: ofAgent, podAnnotations: ofAgent };
    const job = only(await all({ role, agent, podLabels: { ...own, ...name }, podAnnotations: own }), "Job");
    expect(job.spec?.template?.metadata).toEqual({
      labels: { ...expected, [OWN_PODS.key]: UNINSTALL_JOB },
      annotations: expected,
    });
  });

  test.each([
    ["manager", NAME, "Never"],
    ["all", `${NAME}-agent`, "Always"],
  ])("with role %s has the image that this role has, pulled as that is", async (role, repository, policy) => {
    const ofAgent = { enabled: role === "manager", image: { pullPolicy: "Always" } };
    const values = { role, agent: ofAgent, image: { pullPolicy: "Never" } };
    const { image, imagePullPolicy } = containerOf(only(await all(values), "Job"));
    expect([image.split(":")[0], imagePullPolicy]).toEqual([repository, policy]);
  });
});

describe("where the Job by which agents detach runs", () => {
  const placeOf = async (values: Values) => {
    const pod = only(await all(values), "Job").spec?.template?.spec;
    return { nodeSelector: pod?.nodeSelector, affinity: pod?.affinity, tolerations: pod?.tolerations };
  };
  const place = (name: string) => ({
    nodeSelector: { pool: name },
    affinity: { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
    tolerations: [{ key: name, operator: "Exists" }],
  });

  test("with role manager: where the manager may", async () => {
    expect(await placeOf({ ...place("of-manager"), agent: { enabled: true, ...place("of-agents") } })).toEqual(
      place("of-manager"),
    );
  });

  test("with role all: where its one process may", async () => {
    const { nodeSelector } = place("of-agents");
    const values = { ...place("of-manager"), role: "all", agent: place("of-agents") };
    expect(await placeOf(values)).toEqual({
      ...place("of-agents"),
      nodeSelector: { ...nodeSelector, "kubernetes.io/os": "linux" },
    });
  });

  test("with role all by default: on control planes too, and on no node that does not answer", async () => {
    const { tolerations } = await placeOf({ role: "all" });
    expect(tolerations).toEqual([{ operator: "Exists", effect: "NoSchedule" }]);
  });
});

describe("Secrets that are removed after a release", () => {
  const secrets = async (values: Values) =>
    hooksIn(await all(values), "post-delete")
      .filter(({ kind }) => kind === "Secret")
      .map(({ metadata }) => metadata.name);

  test.each<readonly [string, Values]>([
    ["its own certificates", {}],
    ["cert-manager's", { webhooks: { certManager: { enabled: true } } }],
    ["webhooks that are off by now", { webhooks: { enabled: false } }],
  ])("with %s: the manager's and cert-manager's", async (_, values) => {
    expect(await secrets(values)).toEqual([`${NAME}-webhook-cert`, `${NAME}-webhook-tls`, `${NAME}-webhook-ca`]);
  });

  test("with an issuer of somebody else: not the CA's, which may be theirs", async () => {
    const certManager = { enabled: true, issuerRef: { name: "corporate" } };
    expect(await secrets({ webhooks: { certManager } })).toEqual([`${NAME}-webhook-cert`, `${NAME}-webhook-tls`]);
  });

  test("the manager's has the name that the settings give, and none is there twice", async () => {
    const [tls, ca] = ["tls", "ca"].map((suffix) => `${NAME}-webhook-${suffix}`);
    expect(await secrets({ settings: { webhookSecretName: "other" } })).toEqual(["other", tls, ca]);
    expect(await secrets({ settings: { webhookSecretName: tls } })).toEqual([tls, ca]);
  });

  test("are none where certificates are somebody else's", async () => {
    expect(await secrets({ settings: { webhookCertDir: "/certs" } })).toEqual([]);
  });
});

test("without cleanUpOnUninstall nothing is done after the removal, and agents detach before it", async () => {
  const objects = await all({ agent: { enabled: true }, cleanUpOnUninstall: false });
  expect(hooksIn(objects, "post-delete")).toEqual([]);
  expect(hooksIn(objects, "pre-delete").map(({ kind }) => kind)).toContain("Job");
});

test("the Application in docs/how-to/install.md has values by which nothing is done after the removal", async () => {
  const { spec } = only(documented("docs/how-to/install.md"), "Application");
  const objects = await all(Object(spec?.source).helm.valuesObject);
  expect(hooksIn(objects, "post-delete")).toEqual([]);
});
