/*
 * WATCH_NAMESPACES on a real API server, for a user who has Roles in namespaces and no ClusterRole.
 *
 * Invariants:
 * - A namespace that is missing or must not be read is told in one line and waited for; the others are served meanwhile.
 * - Nothing is done in a namespace of which only a part may be read.
 * - What is in other namespaces is not touched, and one namespace's objects are never taken for another's.
 */
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { ManagerProcess } from "./support/manager-process.ts";
import { samplesOf } from "./support/metrics.ts";
import { Namespace } from "./support/namespace.ts";
import { eventuallyExact } from "./support/oracle.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld({ controllerManager: false });

const RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces";
/** After a refusal the API server is asked again ever more seldom. */
const PATIENCE = { deadline: 60_000 };

const BUILTIN = [
  { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] },
  { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch", "create", "update", "delete"] },
];
const CONFIGS = [
  { apiGroups: ["podconfig.example.com"], resources: ["podconfigmapconfigs"], verbs: ["list", "watch"] },
  { apiGroups: ["podconfig.example.com"], resources: ["podconfigmapconfigs/status"], verbs: ["update"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

let users = 0;

/** A user without any right. */
const newUser = async () => {
  const name = `limited-${++users}`;
  const { kubeconfig } = await world.cluster.addUser({ name });
  return { name, kubeconfig };
};

/** Gives a user a Role in one namespace. */
const grant = async (user: string, namespace: Namespace, rules: readonly object[]): Promise<void> => {
  const metadata = { generateName: "part-" };
  const role = await world.cluster.request<{ metadata: { name: string } }>("POST", `${RBAC}/${namespace.name}/roles`, {
    metadata,
    rules,
  });
  await world.cluster.request("POST", `${RBAC}/${namespace.name}/rolebindings`, {
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
    subjects: [{ kind: "User", name: user, apiGroup: "rbac.authorization.k8s.io" }],
  });
};

/** A Pod and a PodConfigMapConfig whose names are the same everywhere, and whose outcome is not. */
const fill = async (namespace: Namespace): Promise<Namespace> => {
  await namespace.createPod("web", { labels: { from: namespace.name } });
  await namespace.createConfig("app", { labelsToInclude: ["from"] });
  return namespace;
};

const filled = async (): Promise<Namespace> => fill(await world.namespace());

/** Creates a namespace of this name. */
const found = async (name: string): Promise<Namespace> => {
  await world.cluster.request("POST", "/api/v1/namespaces", { metadata: { name } });
  await world.cluster.request("POST", `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: "default" } });
  return new Namespace(world.cluster, name);
};

const generated = async (namespace: Namespace) =>
  (await namespace.list("configmaps")).filter(({ metadata }) => metadata.name.endsWith("-cfg"));

const isSettled = async (namespace: Namespace): Promise<boolean> => {
  const { status, metadata } = await namespace.get("podconfigmapconfigs", "app");
  return status?.observedGeneration === metadata.generation;
};

const listed = (namespaces: readonly { readonly name: string }[]) => namespaces.map(({ name }) => name).join(",");

/** The lines that say what is wrong. */
const complaints = ({ lines }: ManagerProcess) => lines.filter((line) => /^[EW]/.test(line));

test("namespaces with Roles alone are served; forbidden and missing ones are told once, and served when they are granted", async () => {
  const [one, two, closed, other] = [await filled(), await filled(), await filled(), await filled()];
  const missing = new Namespace(world.cluster, `missing-${one.name}`);
  const { name: user, kubeconfig } = await newUser();
  for (const namespace of [one, two]) await grant(user, namespace, [...BUILTIN, ...CONFIGS]);
  await using manager = await ManagerProcess.start({
    KUBECONFIG: kubeconfig,
    // Who has Roles in these namespaces alone may not have a Lease elsewhere.
    LEADER_ELECTION_ENABLED: "false",
    WATCH_NAMESPACES: listed([one, closed, missing, two]),
  });
  for (const namespace of [one, two]) {
    await namespace.settled("app");
    await eventuallyExact(namespace);
    expect((await generated(namespace)).map(({ data }) => data?.label_from)).toEqual([namespace.name]);
  }
  await manager.ready();
  for (const { name } of [closed, missing]) await manager.says(`in namespace ${name}: grant`);
  expect(await generated(closed)).toEqual([]);

  const granted = await found(missing.name);
  for (const namespace of [closed, granted]) await grant(user, namespace, [...BUILTIN, ...CONFIGS]);
  await fill(granted);
  for (const namespace of [closed, granted]) {
    await eventually(`${namespace.name} is served`, () => isSettled(namespace), PATIENCE);
    await eventuallyExact(namespace);
  }
  expect(complaints(manager)).toHaveLength(2);
  expect(await generated(other)).toEqual([]);
  expect((await other.get("podconfigmapconfigs", "app")).status).toBeUndefined();
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
});

test("nothing is done in a namespace while its PodConfigMapConfigs must not be read", async () => {
  const [open, half] = [await filled(), await filled()];
  const first = world.manageAll({ namespaces: [half.name] });
  await half.settled("app");
  await first.stop();
  const before = await generated(half);
  expect(before).toHaveLength(1);

  const { name: user, kubeconfig } = await newUser();
  await grant(user, open, [...BUILTIN, ...CONFIGS]);
  await grant(user, half, BUILTIN);
  await using manager = await ManagerProcess.start({
    KUBECONFIG: kubeconfig,
    // Who has Roles in these namespaces alone may not have a Lease elsewhere.
    LEADER_ELECTION_ENABLED: "false",
    WATCH_NAMESPACES: listed([open, half]),
  });
  await manager.says(`podconfigmapconfigs.podconfig.example.com in namespace ${half.name}`);
  await open.settled("app");
  await eventually("the Pod of the half-open namespace has had its turn", async () =>
    samplesOf(await manager.scrape()).some(
      ({ name, labels, value }) =>
        name.endsWith("reconciliation_duration_seconds_count") && labels.namespace === half.name && value > 0,
    ),
  );
  expect(await generated(half)).toEqual(before);
  await half.createPod("db");
  await grant(user, half, CONFIGS);
  await eventually("the new Pod is served", async () => (await generated(half)).length === 2, PATIENCE);
  expect(await generated(half)).toEqual(expect.arrayContaining(before));
  expect(complaints(manager)).toHaveLength(1);
});

test("a namespace that does not exist is told once, does not hold up readiness, and is served once it is there", async () => {
  const one = await filled();
  const name = `later-${one.name}`;
  await using manager = await ManagerProcess.start({
    KUBECONFIG: world.cluster.kubeconfig,
    WATCH_NAMESPACES: `${one.name},${name}`,
    LOG_LEVEL: "info",
  });
  await manager.says(`namespace ${name} does not exist: create it`);
  await manager.ready();
  await one.settled("app");
  const later = await fill(await found(name));
  await later.settled("app");
  await eventuallyExact(later);
  await manager.says(`namespace ${name} exists now`);
  expect(complaints(manager)).toHaveLength(1);
});
