/*
 * Invariants, on a real API server that is registered with our webhook, with users whom RBAC knows:
 * - kubectl shows what is wrong with a template, with its line and a caret; dry runs too.
 * - Authors get through exactly where RBAC gives them what their spec needs.
 * - What leaves the spec alone never comes to the webhook.
 * - With no webhook there to answer, writes go through.
 */
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { AdmissionServer, CertificateFiles, Client, silentLogger, systemClock } from "@pcmc/controller-runtime";
import { AdminClient, ApiStatusError, type Cluster, startCluster } from "@pcmc/devcluster";
import { createEngine, type TemplateEngine } from "@pcmc/gotemplate";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AccessReviews } from "../../src/admission/access-reviews.ts";
import { podConfigMapConfigRoute } from "../../src/admission/handler.ts";
import { VALIDATE_PATH, validatingWebhookConfiguration } from "../../src/admission/manifests.ts";
import { aggregatedClusterRoles } from "../../src/rbac/aggregated.ts";
import { policyRuleOf } from "../../src/rbac/policy-rule.ts";
import { authorChecks } from "../../src/rbac/webhooks.ts";
import { pcmc } from "../api/corpus.ts";
import { committedDefinition, install } from "../integration/support/definition.ts";
import { eventually } from "../integration/support/eventually.ts";
import { fixedConfig } from "../integration/support/manager.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const PCMCS = "/apis/podconfig.example.com/v1alpha1/namespaces/default/podconfigmapconfigs";
const MERGE = { contentType: "application/merge-patch+json" };

const BAD = "name: {{ toYml .metadata }}";
const badTemplate = { configMapDataTemplate: { "app.conf": BAD } };
const goodTemplate = { configMapDataTemplate: { "app.conf": "{{ .podName }}" } };
const firewall = { ebpfConfig: { l4Firewall: { enabled: true, blockedPorts: [22] } } };

let cluster: Cluster;
let controller: Client;
let engine: TemplateEngine;
/** Reviews that have come in. */
let reviews = 0;
const stop = new AbortController();
const running: Promise<void>[] = [];

/** A user of this name, as a client. */
const userNamed = async (name: string): Promise<AdminClient> => {
  const { certPem, keyPem } = await cluster.addUser({ name });
  return new AdminClient({ server: cluster.server, caPem: cluster.caPem, certPem, keyPem });
};

const bind = async (user: string, role: string): Promise<void> => {
  await cluster.request("POST", `${RBAC}/clusterrolebindings`, {
    metadata: { name: `${user}-${role}` },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
  });
};

/** Serves the webhook with the API server's own certificate, which is for 127.0.0.1 too. @returns the port. */
const serve = async (): Promise<number> => {
  const directory = join(cluster.stateDir, "webhook");
  mkdirSync(directory);
  copyFileSync(join(cluster.stateDir, "pki/apiserver.crt"), join(directory, "tls.crt"));
  copyFileSync(join(cluster.stateDir, "pki/apiserver.key"), join(directory, "tls.key"));
  const certificates = new CertificateFiles({ directory, clock: systemClock, log: silentLogger });
  const { handler, ...route } = podConfigMapConfigRoute({
    engine,
    reviews: new AccessReviews({ client: controller, clock: systemClock }),
  });
  const counted = (...parameters: Parameters<typeof handler>) => {
    reviews += 1;
    return handler(...parameters);
  };
  const { promise, resolve } = Promise.withResolvers<number>();
  const server = new AdmissionServer({
    address: { host: "127.0.0.1", port: 0 },
    routes: { [VALIDATE_PATH]: { ...route, handler: counted } },
    certificates,
    lameDuck: 0,
    onListening: resolve,
  });
  running.push(certificates.run({ stop: stop.signal }), server.run({ stop: stop.signal, kill: stop.signal }));
  return promise;
};

beforeAll(async () => {
  cluster = await startCluster();
  await install(cluster, committedDefinition());
  await cluster.request("POST", PCMCS, pcmc("stored-bad", badTemplate));
  for (const role of aggregatedClusterRoles()) await cluster.request("POST", `${RBAC}/clusterroles`, role);
  const { certPem, keyPem } = await cluster.addUser({ name: "controller" });
  controller = new Client(fixedConfig({ server: cluster.server, caPem: cluster.caPem, certPem, keyPem }));
  engine = createEngine();
  const port = await serve();
  const configuration = validatingWebhookConfiguration({ url: `https://127.0.0.1:${port}` });
  const caBundle = Buffer.from(cluster.caPem).toString("base64");
  const webhooks = configuration.webhooks.map((webhook) => ({
    ...webhook,
    clientConfig: { ...webhook.clientConfig, caBundle },
  }));
  await cluster.request("POST", WEBHOOKS, { ...configuration, webhooks });
  await eventually("the API server asks the webhook", async () => {
    await cluster.request("POST", `${PCMCS}?dryRun=All`, pcmc("probe", {}));
    return reviews > 0;
  });
});

afterAll(async () => {
  stop.abort();
  await Promise.allSettled(running);
  await engine?.close();
  await controller?.close();
  await cluster?.stop();
});

/** The API server's answer to a dry run of creating this: "" where it would be stored. */
const answerTo = async (user: Pick<AdminClient, "request">, spec: unknown): Promise<string> => {
  try {
    await user.request("POST", `${PCMCS}?dryRun=All`, pcmc("tried", spec));
    return "";
  } catch (error) {
    if (error instanceof ApiStatusError) return `${error.code} ${error.message}`;
    throw error;
  }
};

test("while the controller may not ask for rights, what needs some is refused with what to grant", async () => {
  const answer = await answerTo(cluster, goodTemplate);
  expect(answer).toMatch(/^503 /);
  expect(answer).toContain("grant the controller create on subjectaccessreviews.authorization.k8s.io");
  expect(await answerTo(cluster, { labelsToInclude: ["app"] })).toBe("");
});

describe("with the right to ask", () => {
  beforeAll(async () => {
    const rules = [policyRuleOf(authorChecks)];
    await cluster.request("POST", `${RBAC}/clusterroles`, { metadata: { name: "asks" }, rules });
    await bind("controller", "asks");
    await eventually("the controller may ask", async () => (await answerTo(cluster, goodTemplate)) === "");
  });

  const apply = async (spec: unknown, ...args: readonly string[]) => {
    const input = JSON.stringify(pcmc("applied", spec));
    return cluster.kubectl(["apply", "-f", "-", ...args], { input });
  };

  test.each([[[]], [["--dry-run=server"]]])("kubectl apply %j of a broken template shows the place", async (args) => {
    const { stderr } = await apply(badTemplate, ...args);
    expect(stderr).toContain('spec.configMapDataTemplate[app.conf]: 1:7: function "toYml" not defined');
    expect(stderr).toContain("    name: {{ toYml .metadata }}\n          ^");
  });

  test("kubectl shows warnings", async () => {
    const { stderr } = await apply({ labelsToInclude: ["a", "a"] }, "--dry-run=server");
    expect(stderr).toContain('Warning: spec.labelsToInclude: names "a" more than once: once is enough');
  });

  test("templates need the right to get Pods", async () => {
    const rules = [{ apiGroups: ["podconfig.example.com"], resources: ["podconfigmapconfigs"], verbs: ["*"] }];
    await cluster.request("POST", `${RBAC}/clusterroles`, { metadata: { name: "writes" }, rules });
    const writer = await userNamed("writer");
    await bind("writer", "writes");
    await eventually("writer may write", async () => (await answerTo(writer, {})) === "");
    const answer = await answerTo(writer, goodTemplate);
    expect(answer).toMatch(/^403 /);
    expect(answer).toContain('writer needs the right "get" on pods in namespace default');
    // `*` holds the verb enforce too.
    expect(await answerTo(writer, firewall)).toBe("");
    await writer.close();
  });

  test("edit may template and not enforce, admin may both, view neither", async () => {
    const [viewer, editor, admin] = await Promise.all(["viewer", "editor", "administrator"].map(userNamed));
    if (!viewer || !editor || !admin) throw new Error("no users");
    await Promise.all([bind("viewer", "view"), bind("editor", "edit"), bind("administrator", "admin")]);
    await eventually("the roles are aggregated", async () => {
      await viewer.request("GET", PCMCS);
      return (await answerTo(editor, {})) === "" && (await answerTo(admin, {})) === "";
    });
    expect(await answerTo(viewer, {})).toMatch(/^403 /);
    expect(await answerTo(editor, goodTemplate)).toBe("");
    expect(await answerTo(editor, firewall)).toContain(
      'editor needs the right "enforce" on podconfigmapconfigs.podconfig.example.com in namespace default',
    );
    await eventually("admin has enforce", async () => (await answerTo(admin, firewall)) === "");
    await Promise.all([viewer, editor, admin].map((user) => user.close()));
  });

  test("labels, finalizers, status and deletion of what is stored never come to the webhook", async () => {
    const before = reviews;
    const path = `${PCMCS}/stored-bad`;
    await cluster.request("PATCH", path, { metadata: { labels: { a: "b" }, finalizers: ["example.com/x"] } }, MERGE);
    await cluster.request("PATCH", `${path}/status`, { status: { observedGeneration: 1 } }, MERGE);
    await cluster.request("PATCH", path, { metadata: { finalizers: null } }, MERGE);
    expect(reviews).toBe(before);
    await cluster.request("PATCH", path, { spec: { labelsToInclude: ["a"] } }, MERGE);
    expect(reviews).toBe(before + 1);
    await cluster.request("DELETE", path);
    expect(reviews).toBe(before + 1);
  });

  test("without an answer from the webhook writes go through", async () => {
    stop.abort();
    await Promise.allSettled(running);
    expect(await answerTo(cluster, badTemplate)).toBe("");
  });
});
