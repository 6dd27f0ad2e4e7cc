/*
 * `pcmc manager` as a process, with its admission webhook, which a real API server calls.
 *
 * Invariants:
 * - What is wrong with a PodConfigMapConfig is told by kubectl when it is applied, dry or not, with its place; and not stored.
 * - An author gets no further than RBAC lets them.
 * - Certificates and registration look after themselves: made, shared by replicas, repaired, and never in anybody's way.
 * - Nobody is kept from writing by a manager that is not there.
 */
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FaultProxy } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { parse, stringify } from "yaml";
import { validatingWebhookConfiguration } from "../../src/admission/manifests.ts";
import { eventually } from "./support/eventually.ts";
import { ManagerProcess } from "./support/manager-process.ts";
import { samplesOf } from "./support/metrics.ts";
import type { Namespace } from "./support/namespace.ts";
import { eventuallyExact } from "./support/oracle.ts";
import {
  CONFIGURATION,
  CONFIGURATIONS,
  creationOf,
  inSecret,
  registered,
  registeredBundle,
  reviewAt,
  SECRET,
  servedOn,
  startWebhook,
  untilSaid,
  type WebhookProcess,
} from "./support/webhook-process.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();
const MERGE = { contentType: "application/merge-patch+json" };
const STRATEGIC = { contentType: "application/strategic-merge-patch+json" };

const BAD = { configMapDataTemplate: { "app.conf": "ok: yes\nname: {{ toYml .metadata }}" } };
const GOOD = { configMapDataTemplate: { "app.conf": "name: {{ .podName }}" } };
const REFUSED = /function "toYml" not defined/;

const config = (spec: object, name = "app") => ({
  apiVersion: "podconfig.example.com/v1alpha1",
  kind: "PodConfigMapConfig",
  metadata: { name },
  spec,
});

/** `kubectl apply` of a PodConfigMapConfig. */
const apply = ({ name }: Namespace, object: object, { flags = [] as string[], kubeconfig = "" } = {}) =>
  world.cluster.kubectl(["apply", "--namespace", name, "--filename", "-", ...flags], {
    input: JSON.stringify(object),
    ...(kubeconfig !== "" && { kubeconfig }),
  });

/** Waits until the API server asks the webhook: some time after it was registered. */
const untilAsked = (namespace: Namespace) =>
  untilSaid(REFUSED, () => apply(namespace, config(BAD, "probe"), { flags: ["--dry-run=server"] }));

/** Another after each write. */
const secretVersion = async (): Promise<string> => {
  const { metadata } = await world.cluster.request<{ metadata: { resourceVersion: string } }>("GET", SECRET);
  return metadata.resourceVersion;
};

/** A kubeconfig by which the admin speaks through a proxy. */
const kubeconfigOf = async ({ server, caPem }: FaultProxy): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "pcmc-webhook-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "kubeconfig");
  const { clusters, ...others } = parse(world.cluster.kubeconfigYaml);
  const cluster = { server, "certificate-authority-data": Buffer.from(caPem).toString("base64") };
  await writeFile(file, stringify({ ...others, clusters: [{ ...clusters[0], cluster }] }));
  return file;
};

/** A user who may write PodConfigMapConfigs in a namespace, and nothing else. @returns their kubeconfig. */
const author = async ({ name: namespace }: Namespace, name: string): Promise<string> => {
  const { cluster } = world;
  const role = ["--verb=create,get,patch", "--resource=podconfigmapconfigs.podconfig.example.com"];
  await cluster.kubectl(["create", "role", name, ...role, "--namespace", namespace]);
  const binding = [`--role=${name}`, `--user=${name}`];
  await cluster.kubectl(["create", "rolebinding", name, ...binding, "--namespace", namespace]);
  return (await world.cluster.addUser({ name })).kubeconfig;
};

describe("with a manager", () => {
  let running: WebhookProcess;
  let namespace: Namespace;
  beforeAll(async () => {
    running = await startWebhook(world.cluster);
    await running.manager.ready();
    namespace = await world.namespace();
    await untilAsked(namespace);
  });
  afterAll(() => running[Symbol.asyncDispose]());

  test.each([[[]], [["--dry-run=server"]], [["--server-side"]]])(
    "kubectl apply %j of a template that is broken shows object, key, line, column and place, and stores nothing",
    async (flags: string[]) => {
      const { exitCode, stderr } = await apply(namespace, config(BAD), { flags });
      expect(exitCode).toBe(1);
      expect(stderr).toContain('The PodConfigMapConfig "app" is invalid');
      expect(stderr).toContain('spec.configMapDataTemplate[app.conf]: 2:7: function "toYml" not defined');
      expect(stderr).toContain("    name: {{ toYml .metadata }}\n          ^");
      await expect(namespace.get("podconfigmapconfigs", "app")).rejects.toThrow("not found");
    },
  );

  test("a change that breaks what is stored is refused, and one that leaves the spec alone is not", async () => {
    await apply(namespace, config(GOOD, "changed"));
    expect((await apply(namespace, config(BAD, "changed"))).stderr).toMatch(REFUSED);
    await namespace.patch("podconfigmapconfigs", "changed", { metadata: { labels: { a: "b" } } });
    expect((await namespace.get("podconfigmapconfigs", "changed")).spec).toEqual(GOOD);
    await namespace.remove("podconfigmapconfigs", "changed");
  });

  test("what is doubtful is stored with a warning", async () => {
    const { exitCode, stderr } = await apply(namespace, config({ labelsToInclude: ["a", "a"] }, "doubtful"));
    expect(exitCode).toBe(0);
    expect(stderr).toContain('Warning: spec.labelsToInclude: names "a" more than once: once is enough');
    await namespace.remove("podconfigmapconfigs", "doubtful");
  });

  test("a template that is right passes without a word, and is what the ConfigMaps hold", async () => {
    await namespace.createPod("web");
    const dry = await apply(namespace, config(GOOD), { flags: ["--dry-run=server"] });
    expect(dry).toMatchObject({ exitCode: 0, stderr: "" });
    await expect(namespace.get("podconfigmapconfigs", "app")).rejects.toThrow("not found");
    expect(await apply(namespace, config(GOOD))).toMatchObject({ exitCode: 0, stderr: "" });
    await eventually("the ConfigMap has what the template gives", async () => {
      const { data } = await namespace.get("configmaps", "pod-web-from-app-cfg");
      return data?.["app.conf"] === "name: web";
    });
  });

  test("an author needs the rights that a spec takes, each where it is used", async () => {
    const kubeconfig = await author(namespace, "writer");
    const tried = (spec: object) =>
      apply(namespace, config(spec, "tried"), { kubeconfig, flags: ["--dry-run=server"] });
    await untilSaid(/created/, () => tried({ labelsToInclude: ["a"] }));
    const { exitCode, stderr } = await tried(GOOD);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`writer needs the right "get" on pods in namespace ${namespace.name}`);
    expect((await tried({ ebpfConfig: { syscallMonitoring: { enabled: true } } })).stderr).toContain(
      `writer needs the right "enforce" on podconfigmapconfigs.podconfig.example.com in namespace ${namespace.name}`,
    );
    const role = ["--verb=get", "--resource=pods", "--namespace", namespace.name];
    await world.cluster.kubectl(["create", "role", "reader", ...role]);
    const binding = ["--role=reader", "--user=writer", "--namespace", namespace.name];
    await world.cluster.kubectl(["create", "rolebinding", "reader", ...binding]);
    await untilSaid(/created/, () => tried(GOOD));
  });

  test("a configuration that somebody has changed by hand is put right, and asked again", async () => {
    const { name } = await registered(world.cluster);
    const bundle = await registeredBundle(world.cluster);
    const broken = { webhooks: [{ name, timeoutSeconds: 30, clientConfig: { caBundle: null } }] };
    await world.cluster.request("PATCH", CONFIGURATION, broken, STRATEGIC);
    await eventually("the bundle is back", async () => (await registeredBundle(world.cluster)) === bundle);
    expect(await registered(world.cluster)).toMatchObject({ timeoutSeconds: 5 });
    await world.cluster.request("DELETE", CONFIGURATION);
    await eventually("the configuration is back", async () => (await registeredBundle(world.cluster)) === bundle);
    await untilAsked(namespace);
  });

  test("a Secret that is deleted is put back from what is served, which stays as it is", async () => {
    const served = await servedOn(running.port);
    const authority = await inSecret(world.cluster, "ca.crt");
    await world.cluster.request("DELETE", SECRET);
    await eventually("the Secret is back", async () => (await inSecret(world.cluster, "ca.crt")) === authority);
    expect(await servedOn(running.port)).toBe(served);
    await untilAsked(namespace);
  });

  test("a new CA is registered beside the one that still signs what is served", async () => {
    const served = await servedOn(running.port);
    const before = await registeredBundle(world.cluster);
    await world.cluster.request("PATCH", SECRET, { data: { "ca.key": "" } }, MERGE);
    const certificates = (pem: string) => pem.split("-----BEGIN CERTIFICATE-----").length - 1;
    const after = await eventually("two authorities are registered", async () => {
      const bundle = await registeredBundle(world.cluster);
      return certificates(bundle) === 2 && bundle;
    });
    expect(after).toContain(before.trim());
    expect(await servedOn(running.port)).toBe(served);
    await untilAsked(namespace);
  });

  test("metrics count what was asked, and tell when the certificate ends", async () => {
    const samples = samplesOf(await running.manager.scrape());
    const asked = samples.find(
      ({ name, labels }) => name === "controller_runtime_webhook_requests_total" && labels.code === "200",
    );
    expect(asked).toMatchObject({ labels: { webhook: "/validate/podconfigmapconfigs" } });
    expect(asked?.value).toBeGreaterThan(0);
    const ends = samples.find(
      ({ name, labels }) =>
        name.endsWith("certificate_expiration_timestamp_seconds") && labels.certificate === "serving",
    );
    expect(ends?.value).toBeGreaterThan(Date.now() / 1_000 + 80 * 86_400);
  });

  test("the log is quiet about all that, and the end is graceful", async () => {
    expect(await running.manager.stop()).toEqual({ code: 0, signal: null });
    expect(running.manager.lines.filter((line) => /^[EF]/.test(line))).toEqual([]);
  });
});

test("without a manager everything passes; the next one registers anew, whatever became of its certificates", async () => {
  const namespace = await world.namespace();
  await untilSaid(/created/, () => apply(namespace, config(BAD, "unchecked"), { flags: ["--dry-run=server"] }));
  const before = await registeredBundle(world.cluster);
  await world.cluster.request("DELETE", SECRET);
  await using next = await startWebhook(world.cluster);
  await next.manager.ready();
  const authority = (await inSecret(world.cluster, "ca.crt")).trim();
  expect(before).not.toContain(authority);
  expect(await registeredBundle(world.cluster)).toContain(authority);
  await untilAsked(namespace);
});

test("two replicas serve the one certificate of the one Secret, and a standby answers like the leader", async () => {
  await world.cluster.request("DELETE", SECRET);
  const election = { LEADER_ELECTION_ENABLED: "true" };
  await using leader = await startWebhook(world.cluster, election);
  await leader.manager.ready();
  const version = await secretVersion();
  // The same address, as behind one Service.
  const url = { WEBHOOK_URL: `https://127.0.0.1:${leader.port}` };
  await using standby = await startWebhook(world.cluster, { ...election, ...url });
  await standby.manager.ready();
  const ca = await inSecret(world.cluster, "ca.crt");
  const { name: namespace } = await world.namespace();
  for (const { port } of [leader, standby]) {
    const refusal = reviewAt({ port, ca }, creationOf(namespace, config(BAD)));
    expect(await refusal).toMatchObject({ response: { allowed: false, status: { reason: "Invalid" } } });
  }
  expect(await servedOn(standby.port)).toBe(await servedOn(leader.port));
  expect(await secretVersion()).toBe(version);
});

test("a review that is under way when the manager is told to stop is answered", async () => {
  const proxy = await world.proxy();
  const held = proxy.rule({ match: { path: /subjectaccessreviews/ }, action: { type: "hold" } });
  const kubeconfig = await kubeconfigOf(proxy);
  await using running = await startWebhook({ kubeconfig }, { LOG_LEVEL: "info" });
  await running.manager.ready();
  const ca = await inSecret(world.cluster, "ca.crt");
  const answer = reviewAt({ port: running.port, ca }, creationOf("default", config(GOOD)));
  await eventually("the author's rights are asked about", () => held.hits === 1);
  const exit = running.manager.stop();
  await running.manager.says("stopping: reconciles under way may finish");
  held.release();
  expect(await answer).toMatchObject({ response: { allowed: true } });
  expect(await exit).toEqual({ code: 0, signal: null });
});

test("with a certificate of others no Secret is made, and author checks can be turned off", async () => {
  const directory = await mkdtemp(join(tmpdir(), "pcmc-webhook-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  // The API server's own, which is for 127.0.0.1 too.
  await copyFile(join(world.cluster.stateDir, "pki/apiserver.crt"), join(directory, "tls.crt"));
  await copyFile(join(world.cluster.stateDir, "pki/apiserver.key"), join(directory, "tls.key"));
  for (const path of [SECRET, CONFIGURATION]) await world.cluster.request("DELETE", path);
  await using running = await startWebhook(world.cluster, {
    WEBHOOK_URL: "",
    WEBHOOK_ENABLED: "true",
    WEBHOOK_CERT_DIR: directory,
    AUTHOR_CHECKS: "false",
  });
  const { webhooks, ...configuration } = validatingWebhookConfiguration({ url: `https://127.0.0.1:${running.port}` });
  const caBundle = Buffer.from(world.cluster.caPem).toString("base64");
  await world.cluster.request("POST", CONFIGURATIONS, {
    ...configuration,
    webhooks: webhooks.map((webhook) => ({ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } })),
  });
  await running.manager.ready();
  const namespace = await world.namespace();
  await untilAsked(namespace);
  await expect(world.cluster.request("GET", SECRET)).rejects.toThrow("not found");
  const kubeconfig = await author(namespace, "trusted");
  await untilSaid(/created/, () => apply(namespace, config(GOOD), { kubeconfig, flags: ["--dry-run=server"] }));
});

test("permissions that are missing are told in one line each and waited for; the controllers work meanwhile", async () => {
  const namespace = await world.namespace();
  const { cluster } = world;
  const { kubeconfig } = await cluster.addUser({ name: "limited" });
  const grant = async (name: string, verbs: string, resources: string) => {
    await cluster.kubectl(["create", "clusterrole", name, `--verb=${verbs}`, `--resource=${resources}`]);
    await cluster.kubectl(["create", "clusterrolebinding", name, `--clusterrole=${name}`, "--user=limited"]);
  };
  await grant("works", "*", "pods,configmaps,events.events.k8s.io,namespaces");
  await grant("settles", "*", "podconfigmapconfigs,podconfigmapconfigs/status");
  await using running = await startWebhook({ kubeconfig }, { POD_NAMESPACE: namespace.name });
  const { manager } = running;
  await namespace.createPod("web");
  await namespace.createConfig("app");
  await namespace.settled("app");
  await eventuallyExact(namespace);
  const secret = `${namespace.name}/podconfigmap-controller-webhook-cert`;
  await manager.says(`not allowed to read secret ${secret}: grant \\"get\\" on that secret`);
  await manager.says(/not allowed to .* validatingwebhookconfigurations.admissionregistration.k8s.io/);
  expect(await manager.readiness()).toMatchObject({
    status: 503,
    text: expect.stringContaining(`[-]webhook: no certificate yet: it comes from secret ${secret}`),
  });
  await grant("certifies", "*", "secrets");
  await grant("registers", "*", "validatingwebhookconfigurations.admissionregistration.k8s.io");
  await manager.ready();
  const tried = () => apply(namespace, config(GOOD, "tried"), { flags: ["--dry-run=server"] });
  await untilSaid(/grant the controller create on subjectaccessreviews.authorization.k8s.io/, tried);
  await grant("asks", "create", "subjectaccessreviews.authorization.k8s.io");
  await untilSaid(/created/, tried);
  const told = (what: string) => manager.lines.filter((line) => line.includes(`not allowed to ${what}`));
  for (const what of ["read secret ", "list and watch secrets", "list and watch validatingwebhookconfigurations"]) {
    expect(told(what)).toHaveLength(1);
  }
  expect(told("")).toHaveLength(3);
});

test("a manager without webhooks loads none of their code, and listens on no port of theirs", async () => {
  const folder = await mkdtemp(join(tmpdir(), "pcmc-webhook-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const tell = join(folder, "tell.mjs");
  await writeFile(
    tell,
    `import { registerHooks } from "node:module";
registerHooks({ load(url, context, next) { process.stderr.write(url + "\\n"); return next(url, context); } });`,
  );
  const { kubeconfig: KUBECONFIG } = world.cluster;
  await using manager = await ManagerProcess.start({ KUBECONFIG, NODE_OPTIONS: `--import=${tell}` });
  await manager.ready();
  expect(manager.lines.filter((line) => line.includes("operator/src/cli/manager.ts"))).toHaveLength(1);
  expect(manager.lines.filter((line) => line.includes("operator/src/admission/"))).toEqual([]);
  expect((await manager.readiness())?.text).not.toContain("webhook");
});
