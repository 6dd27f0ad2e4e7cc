/*
 * With a real API server, which calls the webhooks on 127.0.0.1.
 *
 * Invariants
 * - What a handler says is what kubectl and clients get: denials with their causes, warnings, patches.
 * - A configuration has the authorities of the Secret, whoever changed it; of one that others make, we own caBundle alone.
 * - All replicas serve what stands in the Secret, which is made, found, and repaired by any of them.
 * - Nothing is written while all is right; what is not allowed is said once.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cluster, freePort, startCluster } from "@pcmc/devcluster";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { Client } from "../../src/client/client.ts";
import type { Projection } from "../../src/decode/projection.ts";
import { InternalError, InvalidError } from "../../src/errors.ts";
import { Registry } from "../../src/metrics/prom-client.ts";
import { ConfigMaps, Secrets } from "../../src/resource.ts";
import { type AdmissionResult, allow, deny, invalid } from "../../src/webhook/admission-result.ts";
import { certificatesIn } from "../../src/webhook/certificate.ts";
import type { AdmissionRequest } from "../../src/webhook/review.ts";
import {
  type ConfigurationReference,
  registeredWith,
  resourceOf,
  ValidatingWebhookConfigurations,
} from "../../src/webhook/webhook-configuration.ts";
import { webhookMetrics } from "../../src/webhook/webhook-metrics.ts";
import { configOf } from "../client/cluster.ts";
import { FIELD_MANAGER, type ReplicaOptions, WebhookReplica, webhookAt } from "./replica.ts";
import { servingPair } from "./rig.ts";

const WAIT = { timeout: 30_000, interval: 50 };
const NAMESPACE = "admission";

let cluster: Cluster;
let client: Client;
beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  client = new Client(configOf(cluster), { userAgent: "test/1" });
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: NAMESPACE } });
});
afterAll(async () => {
  await client.close();
  await cluster.stop();
});

const cleanups: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const validating = (name: string): ConfigurationReference => ({ kind: "ValidatingWebhookConfiguration", name });

/** Removes a configuration when the test is over: the API server would go on calling it. */
const removeAfterwards = ({ kind, name }: ConfigurationReference) =>
  cleanups.push(() => client.delete(resourceOf({ kind }), { namespace: "", name }).catch(() => {}));

const start = async (options: Partial<ReplicaOptions> & Pick<ReplicaOptions, "configurations">) => {
  for (const reference of options.configurations) removeAfterwards(reference);
  const secret = options.configurations[0]?.name ?? "";
  const replica = new WebhookReplica({
    config: configOf(cluster),
    port: await freePort(),
    secret,
    routes: { "/": { handler: () => allow() } },
    ...options,
  });
  cleanups.push(() => replica[Symbol.asyncDispose]());
  return replica;
};

type Handler = (request: AdmissionRequest) => AdmissionResult;

/** A leader with a configuration of its own, of one webhook that `handler` answers, when the API server calls it. */
const startWith = async (
  name: string,
  handler: Handler,
  kind: ConfigurationReference["kind"] = validating("").kind,
) => {
  const port = await freePort();
  const configuration = { kind, name, webhooks: [webhookAt(`https://127.0.0.1:${port}/`)] };
  const replica = await start({ port, configurations: [configuration], routes: { "/": { handler } } });
  replica.lead();
  await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
  return replica;
};

const configMap = (name: string, data: Record<string, string> = {}) => ({
  metadata: { name, namespace: NAMESPACE },
  data,
});

/** The API server works with a new configuration a moment after it is stored. */
const untilCalled = (name: string, data: Record<string, string> = {}) =>
  expect
    .poll(() => client.create(ConfigMaps, configMap(name, data), { dryRun: true }).then(() => "created", String), WAIT)
    .toMatch(/denied the request/);

const stored = (name: string) => client.get(ValidatingWebhookConfigurations, { namespace: "", name });
const authoritiesOf = async (name: string) => {
  const { webhooks = [] } = await stored(name);
  return webhooks.map((webhook) => registeredWith(webhook).map(({ id }) => id));
};
const secretOf = (name: string) => client.get(Secrets, { namespace: "default", name });
const inSecret = async (name: string, field: string) =>
  certificatesIn(Buffer.from((await secretOf(name)).data?.[field] ?? "", "base64").toString()).map(({ id }) => id);

const kubectl = async (args: string[], input?: object) => {
  const options = input === undefined ? {} : { input: JSON.stringify(input) };
  return cluster.kubectl(args, options);
};

describe("the API server", () => {
  test("hands a denial on, with its code, its causes, and what kubectl prints", async () => {
    const causes = [{ field: "data.size", message: "must be a number", reason: "FieldValueInvalid" }];
    await startWith("denying", ({ object }) =>
      JSON.stringify(object).includes("big") ? invalid({ message: "data.size: must be a number", causes }) : allow(),
    );
    await untilCalled("denied", { size: "big" });
    const refused = await client
      .create(ConfigMaps, configMap("denied", { size: "big" }))
      .catch((error: unknown) => error);
    if (!(refused instanceof InvalidError)) throw refused;
    expect(refused.details?.causes).toEqual(causes);
    const { stderr, exitCode } = await kubectl([
      "create",
      "configmap",
      "denied",
      "-n",
      NAMESPACE,
      "--from-literal=size=big",
    ]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      'admission webhook "config-maps.test.example.com" denied the request: data.size: must be a number',
    );
    expect((await kubectl(["create", "configmap", "fine", "-n", NAMESPACE, "--from-literal=size=3"])).exitCode).toBe(0);
  });

  test("shows warnings to whoever asks", async () => {
    await startWith("warning", ({ name }) => {
      const warnings = ["data.size is deprecated", `${"x".repeat(5_000)}\nand more`];
      return name === "probe" ? deny({ message: "probe" }) : allow({ warnings });
    });
    await untilCalled("probe");
    const { stderr, exitCode } = await kubectl(["create", "configmap", "warned", "-n", NAMESPACE]);
    expect(exitCode).toBe(0);
    expect(stderr).toContain("Warning: data.size is deprecated\n");
    expect(stderr).toContain(`Warning: ${"x".repeat(255)}…\n`);
  });

  test("applies a patch", async () => {
    const patch = [{ op: "add", path: "/data", value: { added: "yes" } }] as const;
    await startWith("patching", () => allow({ patch }), "MutatingWebhookConfiguration");
    const create = () => client.create(ConfigMaps, configMap("patched"), { dryRun: true });
    await expect.poll(async () => (await create()).data, WAIT).toEqual({ added: "yes" });
  });

  test("denies when a handler fails, and asks the failurePolicy when the route says so", async () => {
    const handler = () => {
      throw new Error("no luck");
    };
    const port = await freePort();
    const at = (path: string, rest: object) => webhookAt(`https://127.0.0.1:${port}${path}`, rest);
    const ignore = { failurePolicy: "Ignore" };
    const named = (name: string) => ({
      matchConditions: [{ name: "name", expression: `object.metadata.name == "${name}"` }],
    });
    const webhooks = [
      at("/deny", { name: "deny.test.example.com", ...ignore, ...named("deny") }),
      at("/ignore", { name: "ignore.test.example.com", ...ignore, ...named("ignore") }),
      at("/ignore", { name: "fail.test.example.com", ...named("fail") }),
    ];
    const onFailure = "failurePolicy";
    const routes = { "/deny": { handler }, "/ignore": { handler, onFailure } } as const;
    const replica = await start({ port, routes, configurations: [{ ...validating("failing"), webhooks }] });
    replica.lead();
    await untilCalled("deny");
    const create = (name: string) => client.create(ConfigMaps, configMap(name), { dryRun: true });
    await expect(create("deny")).rejects.toThrow(/denied the request: webhook \/deny failed: no luck/);
    await expect(create("fail")).rejects.toThrow(InternalError);
    expect((await create("ignore")).metadata.name).toBe("ignore");
  });
});

describe("a server without room", () => {
  test("makes the API server wait and ask again, and no request fails", async () => {
    const registry = new Registry();
    const gate = Promise.withResolvers<void>();
    const handler = async ({ name }: AdmissionRequest) => {
      if (name === "probe") return deny({ message: "probe" });
      await gate.promise;
      return allow();
    };
    const port = await freePort();
    const replica = await start({
      port,
      configurations: [{ ...validating("full"), webhooks: [webhookAt(`https://127.0.0.1:${port}/`)] }],
      routes: { "/": { handler } },
      maxInFlight: 1,
      observer: webhookMetrics(registry),
    });
    replica.lead();
    await untilCalled("probe");
    const creating = ["one", "two"].map((name) => client.create(ConfigMaps, configMap(name), { dryRun: true }));
    const refused = 'controller_runtime_webhook_requests_total{webhook="/",code="429"} 1';
    await expect.poll(() => registry.metrics(), WAIT).toContain(refused);
    gate.resolve();
    expect((await Promise.all(creating)).map(({ metadata }) => metadata.name)).toEqual(["one", "two"]);
  });
});

describe("a configuration that a chart makes", () => {
  const service = { namespace: "default", name: "hook" };
  const entry = (name: string) => ({
    name,
    clientConfig: { service },
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
  });
  const apply = async (name: string, webhooks: readonly string[]) => {
    const metadata = { name };
    const object = { ...CONFIGURATION, metadata, webhooks: webhooks.map((webhook) => entry(`${webhook}.example.com`)) };
    const { exitCode, stderr } = await kubectl(["apply", "--server-side", "--field-manager=chart", "-f", "-"], object);
    if (exitCode !== 0) throw new Error(stderr);
  };
  const CONFIGURATION = { apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingWebhookConfiguration" };

  test("gets its bundle, of which we own nothing else, and can be changed by the chart as before", async () => {
    await apply("chart", ["a", "b"]);
    const replica = await start({ configurations: [validating("chart")] });
    replica.lead();
    await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
    const [authority] = await inSecret("chart", "ca.crt");
    expect(await authoritiesOf("chart")).toEqual([[authority], [authority]]);
    const { metadata } = await client.get(
      ValidatingWebhookConfigurations,
      { namespace: "", name: "chart" },
      { project: WITH_MANAGERS },
    );
    const ours = metadata.managedFields?.filter(({ manager }) => manager === FIELD_MANAGER);
    const bundle = { "f:clientConfig": { "f:caBundle": {} } };
    expect(ours?.map(({ fieldsV1 }) => fieldsV1)).toEqual([
      { "f:webhooks": { 'k:{"name":"a.example.com"}': bundle, 'k:{"name":"b.example.com"}': bundle } },
    ]);
    await apply("chart", ["b"]);
    await apply("chart", ["b", "c"]);
    await expect.poll(() => authoritiesOf("chart"), WAIT).toEqual([[authority], [authority]]);
  });

  test("is repaired when its bundle is stripped or replaced, and left alone otherwise", async () => {
    await apply("stripped", ["a"]);
    const replica = await start({ configurations: [validating("stripped")] });
    replica.lead();
    await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
    const [authority] = await inSecret("stripped", "ca.crt");
    const bundles = async (caBundle: string | null) => {
      const patch = { webhooks: [{ name: "a.example.com", clientConfig: { caBundle } }] };
      await client.patch(ValidatingWebhookConfigurations, { namespace: "", name: "stripped" }, patch, {
        type: "strategic",
      });
    };
    await bundles(null);
    await expect.poll(() => authoritiesOf("stripped"), WAIT).toEqual([[authority]]);
    await bundles(Buffer.from(cluster.caPem).toString("base64"));
    await expect.poll(() => authoritiesOf("stripped"), WAIT).toEqual([[authority]]);
    const standby = await start({ configurations: [validating("stripped")] });
    await expect.poll(() => standby.trouble, WAIT).toBeUndefined();
    const patches = () => cluster.requestCounts({ verb: "PATCH", resource: "validatingwebhookconfigurations" });
    const before = await patches();
    await replica.standBy();
    standby.lead();
    await bundles(null);
    await expect.poll(() => authoritiesOf("stripped"), WAIT).toEqual([[authority]]);
    // That of the test, and the repair: a new leader that finds all right has written nothing before.
    expect(await patches()).toBe(before + 2);
  });

  test("may be missing: that is said once, each replica is ready, and it is registered once it is there", async () => {
    const replicas = [1, 2].map(() => start({ configurations: [validating("late")] }));
    const [leader, standby] = await Promise.all(replicas);
    if (leader === undefined || standby === undefined) throw new Error("no replicas");
    leader.lead();
    for (const replica of [leader, standby]) {
      await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
      await expect.poll(() => replica.log.of("warning"), WAIT).toHaveLength(1);
    }
    await apply("late", ["a"]);
    const [authority] = await inSecret("late", "ca.crt");
    await expect.poll(() => authoritiesOf("late"), WAIT).toEqual([[authority]]);
    await expect.poll(() => standby.trouble, WAIT).toBeUndefined();
    expect(standby.log.of("warning")).toEqual([
      "ValidatingWebhookConfiguration late is missing: nothing is admitted by us until it is applied",
    ]);
  });

  test("that no leader registers is registered by a replica that does not lead, which is ready then", async () => {
    await apply("leaderless", ["a"]);
    const replica = await start({ configurations: [validating("leaderless")] });
    await expect.poll(() => replica.trouble, WAIT).toMatch(/has no caBundle yet/);
    await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
    expect(await authoritiesOf("leaderless")).toEqual([await inSecret("leaderless", "ca.crt")]);
  });

  const WITH_MANAGERS: Projection = { metadata: { managedFields: true } };
});

describe("a configuration of our own", () => {
  test("is made again when it is deleted, and put right when it is edited", async () => {
    const replica = await startWith("own", ({ name }) => (name === "probe" ? deny({ message: "probe" }) : allow()));
    await client.delete(ValidatingWebhookConfigurations, { namespace: "", name: "own" });
    await expect
      .poll(
        () =>
          stored("own").then(
            () => "there",
            () => "gone",
          ),
        WAIT,
      )
      .toBe("there");
    const edit = { webhooks: [{ name: "config-maps.test.example.com", failurePolicy: "Ignore" }] };
    await client.patch(ValidatingWebhookConfigurations, { namespace: "", name: "own" }, edit, { type: "strategic" });
    await expect
      .poll(async () => JSON.stringify((await stored("own")).webhooks), WAIT)
      .toContain('"failurePolicy":"Fail"');
    await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
  });
});

describe("three replicas", () => {
  const startThree = async (name: string) => {
    const configurations = [{ ...validating(name), webhooks: [webhookAt("https://127.0.0.1:1/", { ...NOWHERE })] }];
    const replicas = await Promise.all([1, 2, 3].map(() => start({ secret: name, configurations })));
    replicas[0]?.lead();
    for (const replica of replicas) await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
    return replicas;
  };
  /** Calls nobody: only certificates matter here. */
  const NOWHERE = { namespaceSelector: { matchLabels: { nowhere: "true" } } };
  const served = (replica: WebhookReplica) =>
    replica.log.lines.findLast(({ message }) => message === "serving a certificate")?.fields.certificate;

  test("make one Secret, and all serve what is in it", async () => {
    const replicas = await startThree("shared");
    expect(new Set(replicas.map(served)).size).toBe(1);
    const { type, data } = await secretOf("shared");
    expect(type).toBe("kubernetes.io/tls");
    expect(Object.keys(data ?? {}).sort()).toEqual(["ca.crt", "ca.key", "tls.crt", "tls.key"]);
    const made = replicas.flatMap(({ log }) => log.of("info")).filter((message) => message.startsWith("made a CA"));
    expect(made).toHaveLength(1);
  });

  test.each([
    ["deleted", async (name: string) => void (await client.delete(Secrets, { namespace: "default", name }))],
    [
      "emptied",
      async (name: string) => {
        const data = { "tls.crt": "", "tls.key": "", "ca.crt": "", "ca.key": "" };
        await client.patch(Secrets, { namespace: "default", name }, { data }, { type: "merge" });
      },
    ],
    [
      "filled with junk",
      async (name: string) => {
        const data = { "tls.crt": "anVuaw==", "ca.crt": "anVuaw==" };
        await client.patch(Secrets, { namespace: "default", name }, { data }, { type: "merge" });
      },
    ],
  ])("put back what they serve when the Secret is %s", async (how, damage) => {
    const name = how.replaceAll(" ", "-");
    const replicas = await startThree(name);
    const before = [await inSecret(name, "tls.crt"), await inSecret(name, "ca.crt"), replicas.map(served)];
    await damage(name);
    const now = async () => [await inSecret(name, "tls.crt"), await inSecret(name, "ca.crt"), replicas.map(served)];
    await expect.poll(() => now().catch(String), WAIT).toEqual(before);
    expect(await inSecret(name, "ca.crt")).toEqual((await authoritiesOf(name))[0]);
  });
});

describe("certificates from files, as cert-manager makes them", () => {
  test("are served without a Secret of ours or a write to a configuration, ready unless the bundle is of another CA", async () => {
    const directory = await mkdtemp(join(tmpdir(), "certificates-"));
    cleanups.push(() => rm(directory, { recursive: true }));
    const { ca, serving } = await servingPair();
    await writeFile(join(directory, "tls.crt"), serving.cert);
    await writeFile(join(directory, "tls.key"), serving.key);
    const port = await freePort();
    const webhooks = [webhookAt(`https://127.0.0.1:${port}/`)];
    await client.create(resourceOf(validating("files")), { metadata: { name: "files" }, webhooks });
    const routes = { "/": { handler: () => deny({ message: "from files" }) } };
    const replica = await start({ port, routes, certificates: { directory }, configurations: [validating("files")] });
    replica.lead();
    // The API server may trust the CA without a bundle.
    await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
    const { resourceVersion } = (await stored("files")).metadata;
    const inject = async (pem: string, rest: object = {}) => {
      const caBundle = Buffer.from(pem).toString("base64");
      const injected = { ...rest, webhooks: [{ name: webhooks[0]?.name, clientConfig: { caBundle } }] };
      await client.patch(ValidatingWebhookConfigurations, { namespace: "", name: "files" }, injected, {
        type: "strategic",
      });
    };
    await inject(cluster.caPem, { metadata: { resourceVersion } });
    await expect.poll(() => replica.trouble, WAIT).toMatch(/does not verify the certificate that is served$/);
    await inject(ca);
    await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
    await untilCalled("files");
    await expect(secretOf("files")).rejects.toThrow(/not found/);
  });
});

describe("an API server that is away", () => {
  test("is waited for at the start, said once, and does not stop what is served", async () => {
    const first = await startWith("away", ({ name }) => (name === "probe" ? deny({ message: "probe" }) : allow()));
    await cluster.kill("kube-apiserver");
    const second = await start({ configurations: [validating("away")] });
    await expect.poll(() => second.log.of("warning"), WAIT).toHaveLength(1);
    expect(second.log.of("warning")[0]).toMatch(/^cannot reach the API server/);
    expect(second.trouble).toMatch(/^no certificate yet: it comes from secret default\/away$/);
    expect(first.trouble).toBeUndefined();
    await cluster.start("kube-apiserver");
    await expect.poll(() => second.trouble, { ...WAIT, timeout: 60_000 }).toBeUndefined();
    await untilCalled("probe");
  });
});

describe("permissions", () => {
  const rule = (
    apiGroup: string,
    resource: string,
    { verbs, name }: { readonly verbs: string[]; readonly name?: string },
  ) => ({
    apiGroups: [apiGroup],
    resources: [resource],
    verbs,
    ...(name === undefined ? {} : { resourceNames: [name] }),
  });
  const group = "rbac.authorization.k8s.io";
  const bind = async (
    user: string,
    { role, cluster: wide }: { readonly role: object[]; readonly cluster: object[] },
  ) => {
    const subjects = [{ kind: "User", name: user, apiGroup: group }];
    const root = `/apis/${group}/v1`;
    const names = `${root}/namespaces/default`;
    const refer = (kind: string) => ({ kind, name: user, apiGroup: group });
    const metadata = { name: user };
    await cluster.request("POST", `${names}/roles`, { metadata, rules: role });
    await cluster.request("POST", `${names}/rolebindings`, { metadata, subjects, roleRef: refer("Role") });
    await cluster.request("POST", `${root}/clusterroles`, { metadata, rules: wide });
    await cluster.request("POST", `${root}/clusterrolebindings`, { metadata, subjects, roleRef: refer("ClusterRole") });
  };
  const configFor = async (name: string) => {
    const { certPem, keyPem } = await cluster.addUser({ name });
    return configOf(cluster, { cert: certPem, key: keyPem });
  };
  const ADMISSION = "admissionregistration.k8s.io";
  const CONFIGURATIONS = "validatingwebhookconfigurations";

  /** The rules of the blocks in docs/reference/admission.md, in their order. */
  const documentedRules = async (name: string): Promise<object[][]> => {
    const text = await readFile(new URL("../../../../docs/reference/admission.md", import.meta.url), "utf8");
    const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = ""]) =>
      block.replaceAll("NAME", name),
    );
    return blocks.map((block): object[] => parse(block).rules);
  };

  test("need not be more than those that docs/reference/admission.md lists", async () => {
    const name = "least";
    await kubectl(["apply", "-f", "-"], chartConfiguration(name));
    const [role = [], wide = []] = await documentedRules(name);
    await bind(name, { role, cluster: wide });
    const replica = await start({ config: await configFor(name), configurations: [validating(name)] });
    replica.lead();
    await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
    expect(replica.log.of("error")).toEqual([]);
  });

  test("to read the configuration may be missing, as with Roles alone: said once, and the replica is ready", async () => {
    const name = "roles-only";
    const [role = []] = await documentedRules(name);
    await bind(name, { role, cluster: [] });
    const replica = await start({ config: await configFor(name), configurations: [validating(name)] });
    await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
    await expect
      .poll(() => replica.log.of("error"), WAIT)
      .toEqual([expect.stringMatching(/^not allowed to list and watch validatingwebhook/)]);
  });

  test("that are missing are said once each, and waited for; a Secret that must not be watched is read now and then", async () => {
    const name = "lacking";
    await kubectl(["apply", "-f", "-"], chartConfiguration(name));
    await bind(name, {
      role: [rule("", "secrets", { verbs: ["create"] }), rule("", "secrets", { verbs: ["get", "update"], name })],
      cluster: [rule(ADMISSION, CONFIGURATIONS, { verbs: ["get", "list", "watch"], name })],
    });
    const replica = await start({ config: await configFor(name), configurations: [validating(name)] });
    replica.lead();
    await expect
      .poll(() => replica.log.of("error").toSorted(), WAIT)
      .toEqual([
        expect.stringMatching(/^not allowed to list and watch secrets in namespace default: /),
        `not allowed to write ValidatingWebhookConfiguration ${name}: grant "patch" on that one of ${CONFIGURATIONS}.${ADMISSION}; waiting for it`,
      ]);
    expect(replica.trouble).toMatch(/webhook a\.example\.com has no caBundle yet/);
    await cluster.request("PUT", `/apis/${group}/v1/clusterroles/${name}`, {
      metadata: { name },
      rules: [rule(ADMISSION, CONFIGURATIONS, { verbs: ["get", "list", "watch", "patch"], name })],
    });
    await expect.poll(() => replica.trouble, { ...WAIT, timeout: 60_000 }).toBeUndefined();
    expect(replica.log.of("error")).toHaveLength(2);
  });

  const chartConfiguration = (name: string) => ({
    apiVersion: `${ADMISSION}/v1`,
    kind: "ValidatingWebhookConfiguration",
    metadata: { name },
    webhooks: [
      {
        name: "a.example.com",
        clientConfig: { service: { namespace: "default", name: "hook" } },
        sideEffects: "None",
        admissionReviewVersions: ["v1"],
      },
    ],
  });
});

test("a configuration of ours is left to the leader for a while by who does not lead", async () => {
  const replica = await start({
    configurations: [{ ...validating("led"), webhooks: [webhookAt("https://127.0.0.1:1/")] }],
  });
  await expect.poll(() => replica.trouble, WAIT).toMatch(/missing: it is about to be made$/);
  await expect(stored("led")).rejects.toThrow(/not found/);
  await expect.poll(() => replica.trouble, WAIT).toBeUndefined();
});
