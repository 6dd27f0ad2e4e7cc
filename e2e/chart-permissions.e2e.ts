/**
 * All controllers, agents and the Job of the uninstallation under exactly the permissions of the chart, on a real node whose API
 * server logs every request.
 *
 * Invariants:
 * - whatever they do while they are installed, and the Job at the removal, nothing is answered with 403;
 * - every verb on every resource that the chart grants is used, but for what is held only in order to grant it, and what takes
 *   worlds that this one is not: each of those is named, with the test that has them.
 */
import type { AuditEvent, RealCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { usedBy } from "../packages/operator/test/integration/support/granted-manager.ts";
import { Namespace } from "../packages/operator/test/integration/support/namespace.ts";
import {
  exercisePodConfigMap,
  preparePodConfigMap,
} from "../packages/operator/test/integration/support/scenario-podconfigmap.ts";
import {
  endPodLogReader,
  exerciseAccounts,
  exercisePodLogReader,
  preparePodLogReader,
} from "../packages/operator/test/integration/support/scenario-podlogreader.ts";
import { EbpfWorld, NAMESPACE } from "./support/ebpf-world.ts";
import { CHART, Helm } from "./support/helm.ts";
import { ensureImages, PROBE } from "./support/images.ts";
import { apply, kubectl } from "./support/kubectl.ts";
import { deployment } from "./support/objects.ts";
import { operatorLogs, trusted } from "./support/operator.ts";
import { until } from "./support/until.ts";

const RELEASE = "pcmc";
const VALUES = {
  agent: { enabled: true },
  podlogreader: { createSaAndRoleBinding: true, allowPodGet: true },
};

/** Who asks, by the name of the ServiceAccount. */
const MANAGER = "podconfigmap-controller";
const AGENT = `${MANAGER}-agent`;
const JOB = `${MANAGER}-uninstall`;
const nameOf = (account: string) => `system:serviceaccount:default:${account}`;

/** Granted, and held only in order to grant it. */
const HELD_TO_GRANT = ["get pods", "get pods/log", "list pods/log", "watch pods/log"];

/**
 * What takes worlds that this one is not. permissions.integration.test.ts of packages/operator has them, under the rules of which
 * chart/rbac.test.ts there shows that the chart has the same.
 */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "get podconfigmapconfigs.podconfig.example.com": "a definition without a status",
  "get watchers.watch.example.com": "a definition without a status",
  "get daemonsets.apps": "a Watcher's rollout of a DaemonSet",
  "patch daemonsets.apps": "a Watcher's rollout of a DaemonSet",
  "get statefulsets.apps": "a Watcher's rollout of a StatefulSet",
  "patch statefulsets.apps": "a Watcher's rollout of a StatefulSet",
  "update secrets": "a Secret with another content than certificates",
  "update watchers/finalizers.watch.example.com": "an API server that asks for it before an ownerReference is made",
};

/** A list that is watched comes through the watch, as this API server has WatchList; of an older one it is asked for. */
const isWatched = (rule: string, used: ReadonlySet<string>): boolean =>
  rule.startsWith("list ") && used.has(rule.replace("list ", "watch "));

const isExplained = (rule: string): boolean => HELD_TO_GRANT.includes(rule) || ELSEWHERE[rule] !== undefined;

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly verbs: readonly string[];
}

interface Bound {
  readonly items: readonly {
    readonly metadata: { readonly namespace?: string };
    readonly roleRef: { readonly kind: string; readonly name: string };
    readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[];
  }[];
}

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

let world: EbpfWorld;
let cluster: RealCluster;
let helm: Helm;
const granted = new Map<string, ReadonlySet<string>>();
/** Of the requests until the removal began, and of all. */
let installed: readonly AuditEvent[];
let events: readonly AuditEvent[];

const spelledOut = ({ apiGroups = [], resources = [], verbs }: Rule): string[] =>
  apiGroups.flatMap((group) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}${group === "" ? "" : `.${group}`}`)),
  );

/** What bindings give an account. */
const grantsOf = async (account: string): Promise<ReadonlySet<string>> => {
  const lists = await Promise.all(
    ["clusterrolebindings", "rolebindings"].map((plural) => cluster.request<Bound>("GET", `${RBAC}/${plural}`)),
  );
  const bound = lists
    .flatMap(({ items }) => items)
    .filter(({ subjects = [] }) => subjects.some(({ name, namespace }) => name === account && namespace === "default"));
  const rules = await Promise.all(
    bound.map(async ({ metadata: { namespace }, roleRef }) => {
      const where = roleRef.kind === "ClusterRole" ? "clusterroles" : `namespaces/${namespace}/roles`;
      return (await cluster.request<{ readonly rules: readonly Rule[] }>("GET", `${RBAC}/${where}/${roleRef.name}`))
        .rules;
    }),
  );
  return new Set(rules.flat().flatMap(spelledOut));
};

/** The rules of the Job's Role, which lives no longer than the Job, as the chart has them. */
const grantsOfJob = async (): Promise<ReadonlySet<string>> => {
  const only = ["--show-only", "templates/uninstall-agents.yaml", "--values", helm.values("all", VALUES)];
  const objects = parseAllDocuments(await helm.run("template", RELEASE, CHART, ...only)).map(
    (document): { readonly rules?: readonly Rule[] } => document.toJS(),
  );
  return new Set(objects.flatMap(({ rules = [] }) => rules).flatMap(spelledOut));
};

/** A Watcher whose content changes restarts who has it; its ConfigMap is put right. */
const exerciseWatchers = async (): Promise<void> => {
  const path = `/apis/watch.example.com/v1alpha1/namespaces/${NAMESPACE}/watchers/rolled`;
  const watcher = (MODE: string) => ({
    apiVersion: "watch.example.com/v1alpha1",
    kind: "Watcher",
    metadata: { name: "rolled", namespace: NAMESPACE },
    spec: {
      container: { name: "side", image: PROBE, args: ["control", "/side"] },
      configData: { MODE },
      rollout: "OnChange",
    },
  });
  await apply(cluster, watcher("first"));
  const says = async (field: "injected" | "outdated", count: number) => {
    const { status } = await cluster.request<{ readonly status?: Readonly<Record<string, number>> }>("GET", path);
    return status?.[field] === count || undefined;
  };
  await until("it is ready", async () => says("injected", 0));
  const container = { name: "main", image: PROBE, imagePullPolicy: "Never", args: ["control", "/main"] };
  const annotations = { "watch.example.com/inject": "rolled" };
  const workload = deployment("rolled", 1, { annotations, spec: { containers: [container] } });
  await apply(cluster, { ...workload, metadata: { name: "rolled", namespace: NAMESPACE } });
  await until("its Pod has it", async () => says("injected", 1));
  await apply(cluster, watcher("second"));
  await until("the workload was restarted", async () => {
    const { spec } = await cluster.request<{ readonly spec: { readonly template: { readonly metadata: object } } }>(
      "GET",
      `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/rolled`,
    );
    return JSON.stringify(spec.template.metadata).includes("watch.example.com/restarted-for") || undefined;
  });
};

const exerciseAgents = async (): Promise<void> => {
  const labels = { app: "target" };
  await world.run("target", { labels, ports: "8080" });
  await world.configure("guard", { labels, ebpfConfig: { l4Firewall: { enabled: true, blockedPorts: [8081] } } });
  await world.inKernel("target", "guard@1");
};

const play = async (): Promise<void> => {
  const namespace = new Namespace(cluster, NAMESPACE);
  await helm.run("install", RELEASE, CHART, "--values", helm.values("all", VALUES), "--wait", "--timeout=120s");
  await trusted(cluster);
  await preparePodConfigMap(namespace);
  await preparePodLogReader(cluster, namespace);
  await exercisePodConfigMap(cluster, namespace);
  await exercisePodLogReader(cluster, namespace);
  await exerciseAccounts(cluster, namespace);
  await exerciseWatchers();
  await exerciseAgents();
  await endPodLogReader(cluster, namespace);
  // The certificate is made anew where it is lost.
  await kubectl(cluster, ["delete", "secret", "podconfigmap-controller-webhook-cert"]);
  await until("the Secret is there again", () =>
    cluster.request<object>("GET", "/api/v1/namespaces/default/secrets/podconfigmap-controller-webhook-cert"),
  );
};

beforeAll(async () => {
  world = await EbpfWorld.start({
    audit: true,
    deploy: async (started) => {
      await ensureImages(started);
    },
  });
  cluster = world.cluster;
  helm = new Helm(cluster);
  await play();
  for (const account of [MANAGER, AGENT]) granted.set(account, await grantsOf(account));
  granted.set(JOB, await grantsOfJob());
  installed = await cluster.auditEvents();
  await helm.run("uninstall", RELEASE, "--timeout=120s");
  events = await cluster.auditEvents();
});

beforeEach(() => {
  onTestFailed(async () => console.error(await operatorLogs(cluster)));
});

afterAll(async () => {
  helm?.[Symbol.dispose]();
  await world?.[Symbol.asyncDispose]();
});

const requestsOf = (account: string, among: readonly AuditEvent[]) =>
  among.filter(({ user }) => user.username === nameOf(account));

test.each([
  // Helm takes their permissions away while their Pods still end.
  [MANAGER, () => installed],
  [AGENT, () => installed],
  [JOB, () => events],
] as const)("%s is refused nothing", (account, among) => {
  const requests = requestsOf(account, among());
  expect(requests).not.toEqual([]);
  const refused = requests.filter(({ responseStatus }) => responseStatus?.code === 403);
  expect([...new Set(refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`))]).toEqual([]);
});

test.each([MANAGER, AGENT, JOB])("%s holds nothing that it does not use", (account) => {
  const used = usedBy(requestsOf(account, events));
  const rules = [...(granted.get(account) ?? [])];
  expect(rules).not.toEqual([]);
  expect(rules.filter((rule) => !used.has(rule) && !isWatched(rule, used) && !isExplained(rule))).toEqual([]);
});

test("what is said to be used elsewhere is granted here", () => {
  const rules = granted.get(MANAGER);
  expect([...HELD_TO_GRANT, ...Object.keys(ELSEWHERE)].filter((rule) => !rules?.has(rule))).toEqual([]);
});
