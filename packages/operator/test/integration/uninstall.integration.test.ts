/*
 * `pcmc uninstall` against a real API server, with what manifests/ installs on simulated nodes: docs/how-to/uninstall.md,
 * docs/how-to/upgrade.md.
 *
 * Invariants:
 * - It removes what is installed and, with --purge, what was made for users and the definitions; what is others' stays, also under
 *   our labels and names.
 * - It can be run again, and on what is left of an installation.
 * - Nothing is changed by --dry-run, and nothing without a yes.
 * - In the Job of the chart it takes no right but those of its Role.
 * - It stops where going on would be undone: while a manager works, and while agents are not detached.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Cluster, startCluster } from "@pcmc/devcluster";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { run } from "../../src/cli/commands.ts";
import { examples } from "../../src/cli/examples.ts";
import { marksOf } from "../../src/podconfigmap/ownership.ts";
import type { Said } from "../cli/support.ts";
import { eventually } from "./support/eventually.ts";

const ROOT = join(import.meta.dirname, "../../../..");
const FILES = ["rbac.yaml", "webhooks.yaml", "deployment.yaml", "agent.yaml"].map((file) =>
  join(ROOT, "manifests", file),
);
const CRD = join(ROOT, "crd");
const NS = "/api/v1/namespaces/shop";
const AGENT = "/apis/apps/v1/namespaces/default/daemonsets/podconfigmap-controller-agent";
const MANAGER = "/apis/apps/v1/namespaces/default/deployments/podconfigmap-controller";
const LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const LOCK = "podconfigmap-controller-lock";
const EBPF_READY = "podconfig.example.com/EbpfReady";

let cluster: Cluster;

interface Around {
  readonly kubeconfig?: string;
  readonly answer?: string;
}

const pcmc = async (line: string, { kubeconfig = cluster.kubeconfig, answer }: Around = {}): Promise<Said> => {
  const said = { stdout: "", stderr: "" };
  const code = await run(line.split(" "), {
    stdout: (part) => {
      said.stdout += part;
    },
    stderr: (part) => {
      said.stderr += part;
    },
    env: { KUBECONFIG: kubeconfig },
    ...(answer !== undefined && { ask: async () => answer }),
  });
  return { code, ...said };
};

const kubectl = async (...args: readonly string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await cluster.kubectl(args);
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
};

const exists = (path: string): Promise<boolean> =>
  cluster.request("GET", path).then(
    () => true,
    () => false,
  );

/** Installs as users do, and waits for the Pods. */
const install = async (): Promise<void> => {
  await kubectl("apply", "--server-side", "--force-conflicts", "-f", CRD, ...FILES.flatMap((file) => ["-f", file]));
  await kubectl("rollout", "status", "daemonset/podconfigmap-controller-agent", "--timeout=60s");
  await kubectl("rollout", "status", "deployment/podconfigmap-controller", "--timeout=60s");
};

interface Made {
  readonly metadata: { readonly uid: string };
}

/** What the controllers would have made, and beside it what looks like that and is not. */
const populate = async (): Promise<void> => {
  const ready = { type: EBPF_READY, status: "True", reason: "Attached", message: "" };
  const spec = { containers: [{ name: "main", image: "example.com/never-pulled" }] };
  const pod = await cluster.request<Made>("POST", `${NS}/pods`, { metadata: { name: "web" }, spec });
  const gate = { readinessGates: [{ conditionType: EBPF_READY }] };
  await cluster.request("POST", `${NS}/pods`, { metadata: { name: "gated" }, spec: { ...spec, ...gate } });
  for (const name of ["web", "gated"]) {
    const patch = { status: { conditions: [ready] } };
    const contentType = "application/strategic-merge-patch+json";
    await cluster.request("PATCH", `${NS}/pods/${name}/status`, patch, { contentType });
  }
  const { labels, ownerReference } = marksOf({ pod: "web", pcmc: "app", podUid: pod.metadata.uid });
  const owned = { labels, ownerReferences: [ownerReference] };
  await cluster.request("POST", `${NS}/configmaps`, { metadata: { name: "pod-web-from-app-cfg", ...owned } });
  await cluster.request("POST", `${NS}/configmaps`, { metadata: { name: "somebodys", labels } });
  const role = { labels: { "app.kubernetes.io/managed-by": "podconfigmap-controller" } };
  const roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles";
  const annotations = { "podconfig.example.com/owner-uid": "0-1" };
  await cluster.request("POST", roles, { metadata: { name: "podlogreader-web", ...role, annotations } });
  await cluster.request("POST", roles, { metadata: { name: "podlogreader-mine", ...role } });
  await kubectl("apply", "-f", join(ROOT, "examples/podconfigmapconfig.yaml"), "-n", "shop");
};

beforeAll(async () => {
  cluster = await startCluster({ nodes: 2 });
});
afterAll(() => cluster?.stop());

beforeEach(async () => {
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: "shop" } });
  await eventually("the namespace is ready for Pods", () => cluster.request("GET", `${NS}/serviceaccounts/default`));
  await install();
});

afterEach(async () => {
  await kubectl("delete", "namespace", "shop", "--wait");
  for (const file of FILES) await kubectl("delete", "--ignore-not-found", "-f", file);
});

describe("pcmc uninstall --purge", () => {
  test("removes all that is installed and all that was made, and leaves what is others'", async () => {
    await populate();
    const { code, stdout, stderr } = await pcmc("uninstall --purge --yes");
    expect(stdout).toMatch(/^agents: detached on 2 nodes \(DaemonSet default\/podconfigmap-controller-agent\)$/m);
    expect(stdout).toMatch(/^manager: ended /m);
    expect(stdout).toMatch(/^ConfigMaps of Pods: deleted 1 ConfigMap$/m);
    expect(stdout).toMatch(/^podlogreader: deleted 1 Role$/m);
    expect(stdout).toMatch(
      /^definitions: deleted podconfigmapconfigs\S+ with \d+ PodConfigMapConfigs?, watchers\S+ with 0 Watchers$/m,
    );
    // What it left is told, and is why this is no clean end.
    expect([code, stderr.split("\n").map((line) => line.replace(/, with .*: /, ": "))]).toEqual([
      1,
      ["ConfigMaps of Pods: 1 ConfigMap left: shop/somebodys", "podlogreader: 1 Role left: shop/podlogreader-mine", ""],
    ]);
    for (const path of [AGENT, MANAGER, `${NS}/configmaps/pod-web-from-app-cfg`])
      expect(await exists(path)).toBe(false);
    expect(await exists(`${NS}/configmaps/somebodys`)).toBe(true);
    const kinds = "clusterroles,clusterrolebindings,validatingwebhookconfigurations,mutatingwebhookconfigurations,crd";
    expect(await kubectl("get", kinds, "-o", "name")).not.toMatch(/podconfigmap|watchers/);
  });

  test("takes the condition from Pods, and from Pods with the gate only what is no longer true", async () => {
    await populate();
    await pcmc("uninstall --purge --yes");
    const conditions = async (pod: string) => {
      const path = "-o=jsonpath={range .status.conditions[*]}{.type}={.status},{.reason} {end}";
      return (await kubectl("get", "pod", pod, "-n", "shop", path))
        .split(" ")
        .filter((one) => one.startsWith(EBPF_READY));
    };
    expect([await conditions("web"), await conditions("gated")]).toEqual([[], [`${EBPF_READY}=True,NotRequired`]]);
  });

  test("can be run again, and on what is left of an installation", async () => {
    await cluster.request("DELETE", MANAGER);
    await kubectl("delete", "crd", "watchers.watch.example.com");
    await kubectl("delete", "clusterrole", "podconfigmap-controller");
    expect(await pcmc("uninstall --purge --yes")).toMatchObject({ code: 0, stderr: "" });
    const { code, stdout, stderr } = await pcmc("uninstall --purge --yes");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^operator: nothing is installed$/m);
    expect(stdout).toMatch(/^definitions: there are none$/m);
  });

  test("touches nothing while a manager works that is not the cluster's", async () => {
    await populate();
    const renew = (renewTime: string) => ({ holderIdentity: "laptop", leaseDurationSeconds: 2, renewTime });
    await cluster.request("POST", LEASE, { metadata: { name: LOCK }, spec: renew("2026-01-01T00:00:00.000000Z") });
    const contentType = "application/merge-patch+json";
    let turn = 0;
    const renewing = setInterval(() => {
      const spec = renew(new Date(Date.UTC(2026, 0, 1) + ++turn * 1_000).toISOString().replace("Z", "000Z"));
      cluster.request("PATCH", `${LEASE}/${LOCK}`, { spec }, { contentType }).catch(() => {});
    }, 200);
    onTestFinished(() => clearInterval(renewing));
    const { code, stderr } = await pcmc("uninstall --purge --yes");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^manager: failed: a manager still works: laptop holds the Lease/m),
    ]);
    expect(await exists(`${NS}/configmaps/pod-web-from-app-cfg`)).toBe(true);
    clearInterval(renewing);
    // From then on the Lease is one of a manager that was killed.
    expect((await pcmc("uninstall --purge --yes")).stdout).toMatch(/^ConfigMaps of Pods: deleted 1 ConfigMap$/m);
    expect(await exists(`${LEASE}/${LOCK}`)).toBe(false);
  });
});

describe("pcmc uninstall", () => {
  test("without --purge leaves definitions and what was made for users", async () => {
    await populate();
    const { code, stdout, stderr } = await pcmc("uninstall --yes");
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^note: .* --purge removes them\n$/)]);
    expect(stdout).not.toMatch(/^ConfigMaps of Pods|^definitions/m);
    expect(await exists(`${NS}/configmaps/pod-web-from-app-cfg`)).toBe(true);
    expect(await exists(MANAGER)).toBe(false);
  });

  test("changes nothing with --dry-run, without a yes, and where nobody can be asked", async () => {
    const dry = await pcmc("uninstall --purge --dry-run");
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/^would: agents: detach on 2 nodes/m)]);
    expect(await pcmc("uninstall --purge", { answer: "y" })).toMatchObject({
      code: 1,
      stderr: "nothing was removed\n",
    });
    const refused = await pcmc("uninstall --purge");
    expect([refused.code, refused.stdout, refused.stderr.split("\n").length]).toEqual([2, "", 2]);
    expect(await exists(MANAGER)).toBe(true);
    expect(await pcmc("uninstall", { answer: "yes" })).toMatchObject({ code: 0 });
    expect(await exists(MANAGER)).toBe(false);
  });

  test("finds where it is installed, and asks where that is in several places", async () => {
    const object = JSON.parse(await kubectl("get", "deployment", "podconfigmap-controller", "-o", "json"));
    const { name, labels } = object.metadata;
    await cluster.request("POST", "/apis/apps/v1/namespaces/shop/deployments", {
      metadata: { name, labels },
      spec: object.spec,
    });
    const { code, stderr } = await pcmc("uninstall --yes");
    expect([code, stderr]).toEqual([2, expect.stringContaining("name one by --namespace: default, shop")]);
    expect(await pcmc("uninstall --yes --namespace shop")).toMatchObject({ code: 0 });
    expect(await exists(AGENT)).toBe(true);
  });

  test("names the nodes whose agents cannot detach, and does not go on", async () => {
    await kubectl("cordon", "node-1");
    onTestFinished(async () => void (await kubectl("uncordon", "node-1")));
    const patch = {
      spec: { template: { spec: { containers: [{ name: "agent", resources: { requests: { cpu: "9999" } } }] } } },
    };
    await kubectl("patch", "daemonset", "podconfigmap-controller-agent", "-p", JSON.stringify(patch));
    const { code, stdout, stderr } = await pcmc("uninstall --purge --yes --timeout 5s");
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^agents: detached on [01] of 2 nodes/)]);
    expect(stderr).toMatch(/^agents: node \S+: .*(cpu|agent)/m);
    expect(stderr).toMatch(/^nothing after that was begun/m);
    expect(await exists(MANAGER)).toBe(true);
  });

  test("in the Job of the chart takes no right but those of its Role", async () => {
    const path = await mkdtemp(join(tmpdir(), "pcmc-uninstall-"));
    onTestFinished(() => rm(path, { recursive: true }));
    const rules = [
      {
        apiGroups: ["apps"],
        resources: ["daemonsets"],
        resourceNames: ["podconfigmap-controller-agent"],
        verbs: ["get", "patch"],
      },
      { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
    ];
    const metadata = { name: "uninstall", namespace: "default" };
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "uninstall" };
    const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    await cluster.request("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata });
    await cluster.request("POST", `${rbac}/roles`, { metadata, rules });
    await cluster.request("POST", `${rbac}/rolebindings`, {
      metadata,
      roleRef,
      subjects: [{ kind: "ServiceAccount", ...metadata }],
    });
    const token = (await kubectl("create", "token", "uninstall")).trim();
    const admin = JSON.parse(await kubectl("config", "view", "--raw", "-o", "json"));
    const kubeconfig = join(path, "config");
    await writeFile(kubeconfig, JSON.stringify({ ...admin, users: [{ name: admin.users[0].name, user: { token } }] }));
    const line =
      "uninstall --agents-only --yes --skip-unreachable --namespace=default --daemon-set=podconfigmap-controller-agent";
    // As a process, which has to stay alive for as long as it waits.
    const env = { ...process.env, KUBECONFIG: kubeconfig };
    expect(await promisify(execFile)(join(ROOT, "bin/pcmc"), line.split(" "), { env })).toEqual({
      stdout: "agents: detached on 2 nodes (DaemonSet default/podconfigmap-controller-agent)\n",
      stderr: "",
    });
    const { code, stderr } = await pcmc("uninstall --yes --namespace default", { kubeconfig });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^agents: failed: not permitted: .*forbidden/m)]);
    await kubectl("delete", "serviceaccount,role,rolebinding", "uninstall");
  });

  test("does what the examples of the help say", async () => {
    for (const { line } of examples.uninstall) {
      expect(await pcmc(line.replace(/^pcmc /, ""))).toMatchObject({ code: 0 });
    }
  });
});
