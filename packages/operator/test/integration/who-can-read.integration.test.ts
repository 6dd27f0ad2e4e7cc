/*
 * `pcmc who-can-read` against a real cluster. That its answers are the API server's own is held in test/access.
 *
 * Invariants:
 * - What can be seen is shown; what cannot is said, with the permission that is missing, and exit code 1.
 * - What podlogreader keeps is told by what it is, not by marks that anybody can set.
 * - Where nothing can be said: one line, nothing on standard output, exit code 2.
 */
import { readFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { freePort, resolveAssets } from "@pcmc/devcluster";
import { describe, expect, test } from "vitest";
import { examples } from "../../src/cli/examples.ts";
import { allowed } from "../access/verdict.ts";
import { BIN, Folder, type Said } from "../cli/support.ts";
import { grant, group, TestDeployment, user } from "./support/deployment.ts";
import { eventually } from "./support/eventually.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();

const LIMITS = [
  "note: members of the group system:masters can do everything, past RBAC, whoever issued their certificates",
  "note: only RBAC is looked at: what other authorizers of the API server allow cannot be listed",
];
const READ_ONE = { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] };

const pcmc = async (line: string, kubeconfig = world.cluster.kubeconfig): Promise<Said> =>
  (await Folder.with({})).run(line, { env: { KUBECONFIG: kubeconfig } });

/** A Deployment with two Pods, and with what podlogreader makes. */
const deployed = async (): Promise<TestDeployment> => {
  const { name: namespace } = await world.namespace();
  const deployment = await TestDeployment.create(world.cluster, { namespace });
  await deployment.grantLogs();
  return deployment;
};

const notesOf = ({ stderr }: Said): string[] => stderr.trimEnd().split("\n");
const rowsOf = ({ stdout }: Said, of: RegExp): string[] => stdout.split("\n").filter((line) => of.test(line));

describe("the table", () => {
  test("has a line for each rule of each reader, aligned, and marks what podlogreader keeps", async () => {
    const { namespace, pods } = await withReaders();
    const said = await pcmc(`who-can-read deployment/web -n ${namespace}`);
    expect([said.code, notesOf(said)]).toEqual([0, LIMITS]);
    const rows = rowsOf(said, /^SUBJECT|devs|paul|podlogreader/).map((line) => line.split(/ {3,}/));
    expect(rows).toEqual([
      ["SUBJECT", "PODS", "KUBECTL LOGS", "BINDING", "ROLE", "RULE", "KEPT BY"],
      [
        `Group ${namespace}-devs`,
        "every Pod",
        "yes",
        `ClusterRoleBinding ${namespace}-devs`,
        `ClusterRole ${namespace}-devs`,
        "* * (apiGroups *)",
      ],
      [
        `ServiceAccount ${namespace}/podlogreader-web`,
        "all 2",
        "no",
        `RoleBinding ${namespace}/podlogreader-web`,
        `Role ${namespace}/podlogreader-web`,
        "get pods/log",
        "podconfigmap-controller",
      ],
      [
        "User paul",
        `1 of 2: ${pods[0]}`,
        "yes",
        `RoleBinding ${namespace}/one`,
        `Role ${namespace}/one`,
        "get pods/log",
      ],
    ]);
    const [header = "", ...lines] = said.stdout.trimEnd().split("\n");
    for (const line of lines) expect(line.slice(header.indexOf("BINDING"))).toMatch(/^(Cluster)?RoleBinding /);
  });

  const withReaders = async () => {
    const deployment = await deployed();
    const { namespace } = deployment;
    const pods = await deployment.pods();
    const resourceNames = [pods[0] ?? "", "gone"];
    const get = { apiGroups: [""], resources: ["pods"], verbs: ["get"] };
    await grant(
      world.cluster,
      { namespace, name: "one" },
      { rules: [{ ...READ_ONE, resourceNames }, get], subjects: [user("paul")] },
    );
    await grant(
      world.cluster,
      { namespace, name: "others" },
      { rules: [{ ...READ_ONE, resourceNames: ["gone"] }], subjects: [user("nobody")] },
    );
    const all = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };
    await grant(world.cluster, { name: `${namespace}-devs` }, { rules: [all], subjects: [group(`${namespace}-devs`)] });
    return { namespace, pods };
  };
});

test("what bears podlogreader's marks and is not what podlogreader makes is nobody's", async () => {
  const { cluster } = world;
  const { namespace } = await deployed();
  const folder = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const { metadata } = await cluster.request<{ metadata: { labels: object; annotations: object } }>(
    "GET",
    `${folder}/rolebindings/podlogreader-web`,
  );
  const { labels, annotations } = metadata;
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" };
  const forged = `${namespace}-forged`;
  await cluster.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: forged, labels, annotations },
    roleRef,
    subjects: [user("mallory")],
  });
  await grant(cluster, { namespace, name: "podlogreader-more" }, { rules: [READ_ONE], subjects: [user("mallory")] });
  for (const kind of ["roles", "rolebindings"]) {
    const patch = { contentType: "application/merge-patch+json" };
    await cluster.request("PATCH", `${folder}/${kind}/podlogreader-more`, { metadata: { labels, annotations } }, patch);
  }
  const answered = async () => {
    const said = await pcmc(`who-can-read deployment/web -n ${namespace}`);
    return rowsOf(said, /mallory|podlogreader-web/).map((line) => {
      const [who, , , binding = "", , , keptBy] = line.split(/ {3,}/);
      return [who, binding.split(" ")[1], keptBy];
    });
  };
  const account = `ServiceAccount ${namespace}/podlogreader-web`;
  const own = `${namespace}/podlogreader-web`;
  const forgeries = [
    ["User mallory", forged, undefined],
    ["User mallory", `${namespace}/podlogreader-more`, undefined],
  ];
  expect(await answered()).toEqual([[account, own, "podconfigmap-controller"], ...forgeries]);
  // Who may write the Role of that name can widen it, until podlogreader looks.
  const wide = { rules: [{ apiGroups: [""], resources: ["*"], verbs: ["*"] }] };
  await cluster.request("PATCH", `${folder}/roles/podlogreader-web`, wide, {
    contentType: "application/merge-patch+json",
  });
  expect(await answered()).toEqual([[account, own, "podconfigmap-controller (RoleBinding)"], ...forgeries]);
});

test("a Pod that only looks like one of the Deployment's is none", async () => {
  const { namespace } = await deployed();
  await world.cluster.request("POST", `/api/v1/namespaces/${namespace}/pods`, {
    metadata: { name: "web-fake", labels: { app: "web", "pod-template-hash": "fake" } },
    spec: { containers: [{ name: "main", image: "example.com/never-pulled" }] },
  });
  const { stdout } = await pcmc(`who-can-read deployment/web -n ${namespace} -o json`);
  expect(JSON.parse(stdout).pods).toHaveLength(2);
  expect(stdout).not.toContain("web-fake");
});

test("JSON has all of it, in the form of the docs", async () => {
  const deployment = await deployed();
  const { namespace } = deployment;
  const pods = await deployment.pods();
  const said = await pcmc(`who-can-read deploy/web -n ${namespace} -o json`);
  expect([said.code, notesOf(said)]).toEqual([0, LIMITS]);
  const answer = JSON.parse(said.stdout);
  expect(answer).toEqual({
    deployment: { namespace, name: "web", uid: expect.stringMatching(/^[-0-9a-f]{36}$/) },
    pods,
    readers: expect.any(Array),
    openBindings: [],
    unseen: [],
  });
  const name = "podlogreader-web";
  const covered = { everyPod: false, pods };
  expect(answer.readers.filter(({ subject }: { subject: object }) => JSON.stringify(subject).includes(name))).toEqual([
    {
      subject: { kind: "ServiceAccount", namespace, name },
      logs: covered,
      kubectlLogs: { everyPod: false, pods: [] },
      grants: [
        {
          binding: { kind: "RoleBinding", namespace, name, ours: true },
          role: { kind: "Role", namespace, name, ours: true },
          rule: { apiGroups: [""], resources: ["pods/log"], resourceNames: pods, verbs: ["get", "list", "watch"] },
          ...covered,
        },
      ],
    },
  ]);
});

test("the namespace is that of the context where -n names none", async () => {
  const { namespace } = await deployed();
  const folder = await Folder.with({ config: world.cluster.kubeconfigYaml });
  await world.cluster.kubectl(["config", "set-context", "--current", `--namespace=${namespace}`], {
    kubeconfig: `${folder.path}/config`,
  });
  const { stdout } = await folder.run("who-can-read deployment/web -o json --kubeconfig ./config");
  expect(JSON.parse(stdout).deployment.namespace).toBe(namespace);
});

test("an aggregated ClusterRole counts with what it is made of", async () => {
  const { namespace } = await deployed();
  const part = `${namespace}-part`;
  await grant(world.cluster, { name: part }, { rules: [READ_ONE], subjects: [] });
  const roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
  const labels = { aggregate: namespace };
  await world.cluster.request(
    "PATCH",
    `${roles}/${part}`,
    { metadata: { labels } },
    { contentType: "application/merge-patch+json" },
  );
  const whole = `${namespace}-whole`;
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels: labels }] };
  await world.cluster.request("POST", roles, { metadata: { name: whole }, aggregationRule });
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: whole };
  const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
  await world.cluster.request("POST", bindings, { metadata: { name: "agg" }, roleRef, subjects: [user("anna")] });
  await eventually("the answer has the rule of the part", async () => {
    const said = await pcmc(`who-can-read deployment/web -n ${namespace}`);
    return (
      rowsOf(said, new RegExp(`^User anna +every Pod +no +RoleBinding .*/agg +ClusterRole ${whole} +get pods/log$`))
        .length === 1
    );
  });
});

test("a binding to a role that is not there is said", async () => {
  const { namespace } = await deployed();
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "later" };
  const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
  await world.cluster.request("POST", bindings, { metadata: { name: "open" }, roleRef, subjects: [user("olga")] });
  const said = await pcmc(`who-can-read deployment/web -n ${namespace}`);
  expect(said.code).toBe(0);
  expect(said.stdout).not.toContain("olga");
  expect(notesOf(said)).toEqual([
    `note: RoleBinding ${namespace}/open gives User olga the Role ${namespace}/later, which does not exist: whoever makes it decides`,
    ...LIMITS,
  ]);
});

test("a Deployment without Pods has those as readers who can read every Pod", async () => {
  const { name: namespace } = await world.namespace();
  const deployment = await TestDeployment.create(world.cluster, { namespace, replicas: 0 });
  await deployment.grantLogs();
  await grant(world.cluster, { namespace, name: "all" }, { rules: [READ_ONE], subjects: [user("anna")] });
  const said = await pcmc(`who-can-read deployment/web -n ${namespace}`);
  expect(said.stdout).toMatch(/^User anna +every Pod +no /m);
  expect(said.stdout).not.toContain("podlogreader");
  expect(notesOf(said)[0]).toBe("note: Deployment web has no Pods now; who is shown can read those to come");
});

describe("who may not see everything", () => {
  const withRights = async (name: string, rules: Parameters<typeof grant>[2]["rules"]) => {
    const deployment = await deployed();
    const { namespace } = deployment;
    const { kubeconfig } = await world.cluster.addUser({ name });
    const last = { apiGroups: ["example.com"], resources: ["sentinels"], verbs: ["get"] };
    await grant(world.cluster, { namespace, name }, { rules: [...rules, last], subjects: [user(name)] });
    const action = { namespace, verb: "get", group: "example.com", resource: "sentinels" };
    await eventually("the grant counts", () => allowed(world.cluster, { user: name, groups: [] }, action));
    return { namespace, kubeconfig };
  };
  const workloads = [
    { apiGroups: ["apps"], resources: ["deployments"], verbs: ["get"] },
    { apiGroups: ["", "apps"], resources: ["pods", "replicasets"], verbs: ["list"] },
  ];
  const ofNamespace = {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["roles", "rolebindings"],
    verbs: ["list"],
  };

  test("sees what there is in the namespace, and is told what is missing", async () => {
    const { namespace, kubeconfig } = await withRights("limited", [...workloads, ofNamespace]);
    const said = await pcmc(`who-can-read deployment/web -n ${namespace}`, kubeconfig);
    expect(said.code).toBe(1);
    expect(rowsOf(said, /^ServiceAccount /)).toHaveLength(1);
    const missing = notesOf(said).filter((line) => line.startsWith("not all is shown: "));
    expect(missing).toEqual([
      expect.stringMatching(/User "limited" cannot list resource "clusterrolebindings"/),
      expect.stringMatching(/User "limited" cannot list resource "clusterroles"/),
    ]);
    const json = await pcmc(`who-can-read deployment/web -n ${namespace} -o json`, kubeconfig);
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout).unseen).toEqual([{ resource: "clusterrolebindings" }, { resource: "clusterroles" }]);
  });

  test("is told of a binding to a ClusterRole that may not be read", async () => {
    const { namespace, kubeconfig } = await withRights("half", [...workloads, ofNamespace]);
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
    const bindings = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`;
    await world.cluster.request("POST", bindings, { metadata: { name: "viewers" }, roleRef, subjects: [group("all")] });
    const said = await pcmc(`who-can-read deployment/web -n ${namespace}`, kubeconfig);
    expect(notesOf(said)).toContain(
      `note: RoleBinding ${namespace}/viewers gives Group all the ClusterRole view, which may not be read`,
    );
  });

  test.each([
    ["bindings", workloads, ["clusterrolebindings", "clusterroles", "rolebindings", "roles"]],
    ["the Deployment", [ofNamespace], ["deployments"]],
    ["Pods", [workloads[0] ?? READ_ONE, ofNamespace], ["pods"]],
  ])("without %s gets nothing but the permissions that are missing", async (what, rules, resources) => {
    const { namespace, kubeconfig } = await withRights(`no-${what.toLowerCase().replace(" ", "-")}`, rules);
    const said = await pcmc(`who-can-read deployment/web -n ${namespace}`, kubeconfig);
    expect([said.code, said.stdout]).toEqual([2, ""]);
    const named = notesOf(said).map((line) => /cannot (?:get|list) resource "(.*?)"/.exec(line)?.[1]);
    expect(named).toEqual(resources);
  });
});

describe("what cannot be answered is told in one line, with exit code 2", () => {
  test("no such Deployment", async () => {
    const said = await pcmc("who-can-read deployment/nope -n default");
    expect(said).toEqual({ code: 2, stdout: "", stderr: "there is no Deployment nope in namespace default\n" });
  });

  test("no answer from the server, and credentials that it does not take", async () => {
    const server = `https://127.0.0.1:${await freePort()}`;
    const { kubeconfigYaml } = world.cluster;
    const folder = await Folder.with({
      away: kubeconfigYaml.replaceAll(world.cluster.server, server),
      stranger: kubeconfigYaml
        .replace(/client-certificate-data: .*/, "token: nonsense")
        .replace(/client-key-data: .*/, ""),
    });
    const away = await folder.run("who-can-read deployment/web -n default --kubeconfig ./away");
    expect([away.code, away.stdout]).toEqual([2, ""]);
    expect(away.stderr).toMatch(new RegExp(`^cannot reach the API server ${server}: .*ECONNREFUSED.*\n$`));
    const stranger = await folder.run("who-can-read deployment/web -n default --kubeconfig ./stranger");
    expect([stranger.code, stranger.stdout]).toEqual([2, ""]);
    expect(stranger.stderr).toMatch(/^the API server .* does not accept the credentials of kubeconfig .*\n$/);
  });
});

const guide = readFileSync(new URL("../../../../docs/reference/who-can-read.md", import.meta.url), "utf8");
const blocks = [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = ""]) => block.trimEnd().split("\n"));
const lines = [...examples["who-can-read"], ...examples["logs-kubeconfig"]].map(({ line }) => line);

describe("examples of the help and of docs/reference/who-can-read.md", () => {
  test.each([...new Set([...lines, ...blocks])])("%s", async (line) => {
    await shop();
    const { kubectl } = await resolveAssets(["kubectl"]);
    const folder = await Folder.with({
      ".kube/config": world.cluster.kubeconfigYaml,
      "bin/kubectl": `#!/bin/sh\nexec ${kubectl} "$@"\n`,
    });
    await chmod(`${folder.path}/bin/kubectl`, 0o755);
    const env = { PATH: `${folder.path}/bin:${BIN}:${process.env.PATH}`, HOME: folder.path };
    const { code, stderr } = await folder.shell(line, { env });
    expect([code, stderr.split("\n").filter((said) => said !== "" && !said.startsWith("note: "))]).toEqual([0, []]);
  });

  /** The namespace and Deployment that they name; made once. */
  const shop = (): Promise<void> => (made ??= makeShop());
  let made: Promise<void> | undefined;
  const makeShop = async () => {
    await world.cluster.request("POST", "/api/v1/namespaces", { metadata: { name: "shop" } });
    await (await TestDeployment.create(world.cluster, { namespace: "shop" })).grantLogs();
  };
});
