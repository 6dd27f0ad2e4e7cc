/*
 * A cluster that ran the Go demo controller, taken over as docs/how-to/migrate.md says. What the demo leaves is made here, from what
 * its code does: a definition without status subresource; ConfigMaps with our labels, a data key of its own and an
 * ownerReference as controller; statuses about any generation, or none.
 *
 * Invariants:
 * - A ConfigMap that is as it should be is not written. Any other of a live pair is written once, in place.
 * - Then nothing is written any more, by the next manager neither.
 * - Statuses end at their generation, whatever was there.
 * - An older definition costs the statuses, nothing else, and one line in the log.
 * - As long as the demo holds the Lease, nothing is written.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ConfigMap, Pod } from "kubernetes-types/core/v1.d.ts";
import { beforeEach, expect, test } from "vitest";
import type { PodConfigMapConfig } from "../../src/api/podconfigmapconfig.ts";
import { type Definition, install, uninstall } from "./support/definition.ts";
import { eventually } from "./support/eventually.ts";
import type { RunningManager } from "./support/manager.ts";
import { ManagerProcess } from "./support/manager-process.ts";
import type { Namespace } from "./support/namespace.ts";
import type { Held } from "./support/namespace-client.ts";
import { eventuallyExact, expectExact } from "./support/oracle.ts";
import { shipped } from "./support/shipped-files.ts";
import { useWorld } from "./support/world.ts";

const repository = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

/** As the demo's: no status subresource, and a status that holds a number and nothing else. */
const demoDefinition = (): Definition & object => {
  const strings = { type: "array", items: { type: "string" } };
  const map = { type: "object", additionalProperties: { type: "string" } };
  const requirement = {
    type: "object",
    required: ["key", "operator"],
    properties: { key: { type: "string" }, operator: { type: "string" }, values: strings },
  };
  const podSelector = {
    type: "object",
    properties: { matchLabels: map, matchExpressions: { type: "array", items: requirement } },
  };
  const spec = {
    type: "object",
    properties: { podSelector, labelsToInclude: strings, annotationsToInclude: strings },
  };
  const status = { type: "object", properties: { observedGeneration: { type: "integer", format: "int64" } } };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec, status } } };
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "podconfigmapconfigs.podconfig.example.com" },
    spec: {
      group: "podconfig.example.com",
      scope: "Namespaced",
      names: {
        plural: "podconfigmapconfigs",
        singular: "podconfigmapconfig",
        kind: "PodConfigMapConfig",
        shortNames: ["pcmc"],
      },
      versions: [{ name: "v1alpha1", served: true, storage: true, schema }],
    },
  };
  return definition;
};

const world = useWorld({ controllerManager: false, audit: true, definition: demoDefinition });
let isFresh = true;

beforeEach(async () => {
  if (!isFresh) {
    await uninstall(world.cluster);
    await install(world.cluster, demoDefinition());
  }
  isFresh = false;
});

/** The arguments for one that names a folder of the repository; `--filename` before it is part of them. */
const withShipped = (arg: string): readonly string[] => {
  if (arg === "--filename") return [];
  const [, folder] = /^(crd|manifests)\/$/.exec(arg) ?? [];
  return folder === "crd" || folder === "manifests" ? shipped(folder) : [arg];
};

/** Runs the commands of docs/how-to/migrate.md, in the repository. @throws what kubectl says. */
const runDocumentedCommands = async (): Promise<void> => {
  const text = readFileSync(repository("docs/how-to/migrate.md"), "utf8");
  const [, block = ""] = /```sh\n([^`]*)```/.exec(text) ?? [];
  const commands = block.split("\n").flatMap((line) => (line.startsWith("kubectl ") ? [line.split(" ").slice(1)] : []));
  expect(commands.map(([verb]) => verb)).toEqual(["delete", "apply", "apply"]);
  for (const args of commands) {
    await kubectl(args.flatMap(withShipped));
  }
};

const kubectl = async (args: readonly string[], input?: string): Promise<void> => {
  const { exitCode, stderr } = await world.cluster.kubectl(args, input === undefined ? {} : { input });
  if (exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
};

const GENERATED_BY = "podconfig.example.com/generated-by-pcmc";
const POD_UID = "podconfig.example.com/pod-uid";
const nameOf = (pod: string, config = "app"): string => `pod-${pod}-from-${config}-cfg`;

interface Left {
  readonly config?: string;
  /** Data beside the demo's own keys, or in their place. */
  readonly data?: Readonly<Record<string, string>>;
}

/** A ConfigMap as the demo makes it. */
const demoConfigMap = ({ metadata }: Held<Pod>, { config = "app", data = {} }: Left = {}): ConfigMap => ({
  metadata: {
    name: nameOf(metadata.name, config),
    labels: { [GENERATED_BY]: config, [POD_UID]: metadata.uid },
    ownerReferences: [
      {
        apiVersion: "v1",
        kind: "Pod",
        name: metadata.name,
        uid: metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  },
  data: {
    podName: metadata.name,
    namespace: metadata.namespace ?? "",
    nodeName: "",
    phase: "Pending",
    pcmcName: config,
    ...data,
  },
});

/** The same as it should be. */
const rightConfigMap = (pod: Held<Pod>, left: Left = {}): ConfigMap => {
  const { metadata = {}, data = {} } = demoConfigMap(pod, left);
  const { pcmcName: _, ...rest } = data;
  const { uid, name } = pod.metadata;
  return {
    metadata: { ...metadata, ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid }] },
    data: { ...rest, ebpf_enabled: "false" },
  };
};

/** What becomes of a ConfigMap: what is written, and whether it is the same object afterwards. */
interface Case {
  readonly pod: string;
  /** Labels of the Pod; without `app` it is not selected. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What the demo left for it. */
  readonly leave: (pod: Held<Pod>) => ConfigMap | undefined;
  readonly writes: readonly string[];
}

const SELECTED = { app: "web" };

const cases: readonly Case[] = [
  { pod: "equal", leave: (pod) => rightConfigMap(pod, { data: { label_app: "web" } }), writes: [] },
  {
    pod: "equal-but-marked-by-others",
    leave: (pod) => {
      const { metadata = {}, data = {} } = rightConfigMap(pod, { data: { label_app: "web" } });
      const labels = { ...metadata.labels, team: "checkout" };
      return { metadata: { ...metadata, labels, annotations: { "example.com/note": "1" } }, data };
    },
    writes: [],
  },
  { pod: "first-build", leave: (pod) => demoConfigMap(pod, { data: { label_app: "web" } }), writes: ["update"] },
  {
    pod: "ebpf-build",
    leave: (pod) => demoConfigMap(pod, { data: { label_app: "web", ebpf_enabled: "false" } }),
    writes: ["update"],
  },
  {
    pod: "out-of-date",
    leave: (pod) => demoConfigMap(pod, { data: { label_app: "old", phase: "Running" } }),
    writes: ["update"],
  },
  {
    pod: "without-labels",
    leave: (pod) => {
      const { metadata: { labels: _, ...metadata } = {}, data = {} } = demoConfigMap(pod);
      return { metadata, data };
    },
    // The cache goes by the label: the attempt to make it finds it.
    writes: ["create 409", "update"],
  },
  {
    pod: "slash-in-a-key",
    labels: { ...SELECTED, "app.kubernetes.io/name": "web" },
    leave: () => undefined,
    writes: ["create"],
  },
  { pod: "left-the-selector", labels: {}, leave: demoConfigMap, writes: ["delete"] },
  {
    pod: "made-anew",
    leave: (pod) =>
      demoConfigMap({ ...pod, metadata: { ...pod.metadata, uid: "0c0ffee0-0000-4000-8000-000000000000" } }),
    writes: ["delete", "create"],
  },
];

/** Statuses that the demo can have left: it writes the generation that it has seen, which is another one after that. */
const statuses: Readonly<Record<string, { readonly observedGeneration: number } | undefined>> = {
  never: undefined,
  behind: { observedGeneration: 1 },
  // From a backup: the object's generations begin anew.
  ahead: { observedGeneration: 9 },
};

const createDemoConfig = async (
  namespace: Namespace,
  { name, spec, status }: { name: string; spec: object; status?: object | undefined },
): Promise<Held<PodConfigMapConfig>> => {
  const type = { apiVersion: "podconfig.example.com/v1alpha1", kind: "PodConfigMapConfig" };
  const { generation } = (await namespace.create("podconfigmapconfigs", { ...type, metadata: { name }, spec }))
    .metadata;
  expect(generation).toBe(1);
  // Without a subresource, a status goes in like anything else, and counts as another generation.
  return namespace.patch("podconfigmapconfigs", name, { ...(status && { status }) });
};

/** What a manager wrote to objects of a kind, by name: verbs in order, with the status where it was refused. */
const writesOf = async (manager: RunningManager, resource: string): Promise<Record<string, string[]>> => {
  const writes = new Map<string, string[]>();
  for (const { verb, objectRef, requestURI, responseStatus } of await world.writes(manager)) {
    if (objectRef?.resource !== resource) continue;
    const { code = 0 } = responseStatus ?? {};
    // Of a create that is refused, the audit log need not have the name.
    const name = objectRef.name ?? requestURI;
    writes.set(name, [...(writes.get(name) ?? []), code < 400 ? verb : `${verb} ${code}`]);
  }
  return Object.fromEntries(writes);
};

test("what the demo left is taken over in place: what is equal is not written, the rest once, then nothing", async () => {
  const namespace = await world.namespace();
  const spec = { podSelector: { matchLabels: SELECTED }, labelsToInclude: ["app", "app.kubernetes.io/name"] };
  await createDemoConfig(namespace, { name: "app", spec, status: { observedGeneration: 1 } });
  const before = new Map<string, Held<ConfigMap>>();
  for (const { pod: name, labels = SELECTED, leave } of cases) {
    const left = leave(await namespace.createPod(name, { labels }));
    if (left !== undefined) before.set(name, await namespace.create("configmaps", left));
  }
  const orphan = demoConfigMap(await namespace.get("pods", "equal"), { config: "gone" });
  await namespace.create("configmaps", orphan);
  await runDocumentedCommands();

  const manager = world.manage(namespace);
  expect((await namespace.settled("app")).status).toMatchObject({ matched: cases.length - 1, failed: 0 });
  await namespace.ready("app", { status: "True", reason: "UpToDate" });
  await eventuallyExact(namespace);
  const expected = Object.fromEntries(
    cases.filter(({ writes }) => writes.length > 0).map(({ pod, writes }) => [nameOf(pod), writes]),
  );
  expect(await writesOf(manager, "configmaps")).toEqual({
    ...expected,
    [nameOf("equal", "gone")]: ["delete"],
  });
  expect(await writesOf(manager, "podconfigmapconfigs")).toEqual({ app: ["update"] });
  for (const { pod, writes } of cases) {
    if (writes.includes("create") || writes.includes("delete")) continue;
    const { metadata, ...rest } = await namespace.get("configmaps", nameOf(pod));
    const old = before.get(pod);
    expect(metadata.uid).toBe(old?.metadata.uid);
    if (writes.length === 0) expect({ metadata, ...rest }).toEqual(old);
  }
  await manager.stop();

  const next = world.manage(namespace);
  await next.ready();
  await eventually("every Pod and the status were looked at", async () => {
    return (await next.reconciles("pod")) >= cases.length && (await next.reconciles("pcmc")) > 0;
  });
  expect(await world.writes(next)).toEqual([]);
  expect(next.linesOf("warning")).toEqual([]);
});

test("statuses end at their generation, whatever the demo had written there", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  for (const [name, status] of Object.entries(statuses)) await createDemoConfig(namespace, { name, spec: {}, status });
  await runDocumentedCommands();
  world.manage(namespace);
  for (const name of Object.keys(statuses)) {
    expect(await namespace.ready(name, { status: "True", reason: "UpToDate" })).toMatchObject({
      message: "1 Pod up to date.",
    });
    const { status, metadata } = await namespace.settled(name);
    expect(status).toMatchObject({ observedGeneration: metadata.generation, matched: 1, failed: 0 });
  }
  await expectExact(namespace);
});

test("before the definition is updated ConfigMaps are kept up to date, and of statuses one is tried; then all are written", async () => {
  const namespace = await world.namespace();
  const configs = Array.from({ length: 20 }, (_, i) => `app-${i}`);
  for (const name of configs) await createDemoConfig(namespace, { name, spec: { labelsToInclude: ["app"] } });
  await namespace.createPod("web", { labels: SELECTED });
  const manager = world.manage(namespace, { resyncPeriod: 100 });
  await eventuallyExact(namespace);
  await namespace.patch("pods", "web", { metadata: { labels: { app: "shop" } } });
  await eventuallyExact(namespace);
  await eventually("each status was looked at again and again", async () => {
    return (await manager.reconciles("pcmc")) > 10 * configs.length;
  });
  expect(manager.linesOf("warning")).toEqual([expect.stringContaining("has no status subresource: apply crd/")]);
  const tries = Object.values(await writesOf(manager, "podconfigmapconfigs")).flat();
  expect(new Set(tries)).toEqual(new Set(["update 404"]));
  expect(tries.length).toBeLessThan(configs.length);
  const before = await namespace.list("configmaps");

  await runDocumentedCommands();
  for (const name of configs) {
    expect((await namespace.settled(name)).status).toMatchObject({ matched: 1, failed: 0 });
  }
  expect(await namespace.list("configmaps")).toEqual(before);
  expect(manager.linesOf("warning")).toHaveLength(1);
  expect(manager.lines.filter((line) => line.includes("statuses are written"))).toHaveLength(1);
});

test("a PodConfigMapConfig that goes while its definition knows no status is no trouble of its own", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await createDemoConfig(namespace, { name: "app", spec: {} });
  const proxy = await world.proxy();
  const held = proxy.rule({ match: { verb: "update", path: /status/ }, times: 1, action: { type: "hold" } });
  const manager = world.manageThrough(proxy, namespace);
  await eventually("the status is being written", () => held.hits > 0);
  await namespace.remove("podconfigmapconfigs", "app");
  const looks = await manager.reconciles("pcmc");
  held.release();
  await eventually("the write has ended", async () => (await manager.reconciles("pcmc")) > looks);
  expect(manager.linesOf("warning")).toEqual([]);
});

test("as long as the demo holds its Lease nothing is written; when that has expired, the operator begins", async () => {
  const namespace = await world.namespace();
  const pod = await namespace.createPod("web");
  await createDemoConfig(namespace, { name: "app", spec: {} });
  const left = await namespace.create("configmaps", demoConfigMap(pod));
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace.name}/leases`;
  const now = new Date().toISOString().replace("Z", "000Z");
  const spec = { leaseDurationSeconds: 3_600, acquireTime: now, renewTime: now, leaseTransitions: 3 };
  const name = "podconfigmap-controller-lock";
  const holderIdentity = "podconfigmap-controller-6f7c9d5b8-x2x7q";
  await world.cluster.request("POST", leases, { metadata: { name }, spec: { ...spec, holderIdentity } });
  await runDocumentedCommands();

  const user = `operator-of-${namespace.name}`;
  const { kubeconfig } = await world.cluster.addUser({ name: user, groups: ["system:masters"] });
  await using operator = await ManagerProcess.start({
    KUBECONFIG: kubeconfig,
    LOG_LEVEL: "info",
    WATCH_NAMESPACES: namespace.name,
    LEADER_ELECTION_LOCK_NAMESPACE: namespace.name,
  });
  await operator.says(`"another leads" lease="${namespace.name}/${name}" leader="${holderIdentity}"`);
  await operator.ready();
  const requests = (await world.cluster.auditEvents()).filter((event) => event.user.username === user);
  expect(requests.length).toBeGreaterThan(0);
  expect(requests.filter(({ verb }) => !["get", "list", "watch"].includes(verb))).toEqual([]);
  expect(await namespace.get("configmaps", nameOf("web"))).toEqual(left);

  const merge = { contentType: "application/merge-patch+json" };
  await world.cluster.request("PATCH", `${leases}/${name}`, { spec: { leaseDurationSeconds: 1 } }, merge);
  await operator.says("became leader");
  await namespace.settled("app");
  await eventuallyExact(namespace);
  expect((await namespace.get("configmaps", nameOf("web"))).metadata.uid).toBe(left.metadata.uid);
  expect(await operator.stop()).toEqual({ code: 0, signal: null });
});
