/*
 * `pcmc uninstall` against a real API server, with what manifests/ installs on simulated nodes: docs/how-to/uninstall.md,
 * docs/how-to/upgrade.md.
 *
 * Invariants:
 * - It removes what is installed and, with --purge, what was made for users and the definitions; what is others' stays, also under
 *   our labels and names.
 * - It can be run again, and on what is left of an installation, wherever that is.
 * - What another installation of the cluster goes by stays.
 * - Nothing is changed by --dry-run, and nothing without a yes.
 * - In the Job of the chart it takes no right but those of its Role.
 * - It stops where going on would be undone: while a manager works, and while agents are not, or not surely, detached.
 * - What it could not delete is told, and is no clean end.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import {
  Client,
  type DeleteOptions,
  type KubernetesObject,
  type ObjectKey,
  type Resource,
  systemClock,
} from "@pcmc/controller-runtime";
import { type Cluster, startCluster } from "@pcmc/devcluster";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { run } from "../../src/cli/commands.ts";
import { examples } from "../../src/cli/examples.ts";
import { findInstallation } from "../../src/cli/uninstall/installation.ts";
import { operatorStep } from "../../src/cli/uninstall/own-objects.ts";
import { marksOf } from "../../src/podconfigmap/ownership.ts";
import type { Said } from "../cli/support.ts";
import { eventually } from "./support/eventually.ts";
import { fixedConfig } from "./support/manager.ts";

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
const SECRETS = "/api/v1/namespaces/default/secrets";
const TLS = "podconfigmap-controller-webhook-tls";
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

/** A client whose first deletion of a DaemonSet comes after something else, with the options that this makes of it. */
class Meddled extends Client {
  before: ((options: DeleteOptions) => Promise<DeleteOptions>) | undefined;

  override async delete<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: DeleteOptions = {},
  ) {
    const { before } = this;
    if (resource.kind !== "DaemonSet" || before === undefined) return super.delete(resource, key, options);
    this.before = undefined;
    return super.delete(resource, key, await before(options));
  }
}

/** Installs as users do, and waits for the Pods. */
const install = async (files: readonly string[] = FILES, namespace = "default"): Promise<void> => {
  await kubectl("apply", "--server-side", "--force-conflicts", "-f", CRD, ...files.flatMap((file) => ["-f", file]));
  for (const workload of ["daemonset/podconfigmap-controller-agent", "deployment/podconfigmap-controller"])
    await kubectl("rollout", "status", workload, "-n", namespace, "--timeout=60s");
};

/** Moves the installation to the namespace `shop`. */
const move = async (): Promise<void> => {
  const path = await mkdtemp(join(tmpdir(), "pcmc-uninstall-"));
  onTestFinished(() => rm(path, { recursive: true }));
  const moved = FILES.map((file) => join(path, basename(file)));
  for (const [at, file] of FILES.entries()) {
    await kubectl("delete", "-f", file);
    const text = await readFile(file, "utf8");
    await writeFile(moved[at] ?? "", text.replaceAll("namespace: default", "namespace: shop"));
  }
  await install(moved, "shop");
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
    // A certificate that users put there themselves.
    await cluster.request("POST", SECRETS, { metadata: { name: TLS } });
    onTestFinished(async () => void (await kubectl("delete", "secret", TLS, "--ignore-not-found")));
    const { code, stdout, stderr } = await pcmc("uninstall --purge --yes");
    expect(await exists(`${SECRETS}/${TLS}`)).toBe(true);
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
    expect([code, stderr]).toEqual([
      0,
      "note: nothing of it was found in any namespace, so default was searched: --namespace names another one\n",
    ]);
    expect(stdout).toMatch(/^operator: nothing is installed$/m);
    expect(stdout).toMatch(/^definitions: there are none$/m);
  });

  test("touches nothing while a manager works that is no Pod of the installation", async () => {
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
    const { code, stdout, stderr } = await pcmc("uninstall --purge --yes");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^leader: failed: a manager still works: laptop holds the Lease/),
    ]);
    expect(stdout).toBe("");
    expect(await exists(MANAGER)).toBe(true);
    expect(await exists(`${NS}/configmaps/pod-web-from-app-cfg`)).toBe(true);
    clearInterval(renewing);
    // From then on the Lease is one of a manager that was killed.
    expect((await pcmc("uninstall --purge --yes")).stdout).toMatch(/^ConfigMaps of Pods: deleted 1 ConfigMap$/m);
    expect(await exists(`${LEASE}/${LOCK}`)).toBe(false);
  });
});

describe("the removal of the operator's own objects", () => {
  const remove = async (before: NonNullable<Meddled["before"]>) => {
    const client = new Meddled(fixedConfig(cluster));
    onTestFinished(() => client.close());
    client.before = before;
    const installation = await findInstallation(client, undefined);
    const signal = AbortSignal.timeout(60_000);
    const context = { client, clock: systemClock, namespace: installation.namespace, mode: "do", signal } as const;
    return await operatorStep(installation).run(context);
  };

  test("does not mind that others write their status meanwhile", async () => {
    const touched = await remove(async (options) => {
      await kubectl("annotate", "daemonset", "podconfigmap-controller-agent", "touched=1");
      return options;
    });
    expect(touched.left).toEqual([]);
    expect(await exists(AGENT)).toBe(false);
  });

  test("tells what it could not delete", async () => {
    // The API server answers 409, as it does when the object was replaced.
    const { left } = await remove(async (options) => ({ ...options, preconditions: { uid: "that-of-another" } }));
    expect(left).toEqual(["DaemonSet default/podconfigmap-controller-agent changed meanwhile: run it again"]);
    expect(await exists(AGENT)).toBe(true);
  });
});

describe("pcmc uninstall", () => {
  test("without --purge leaves definitions and what was made for users", async () => {
    await populate();
    const annotations = { "cert-manager.io/certificate-name": "podconfigmap-controller-webhook" };
    await cluster.request("POST", SECRETS, { metadata: { name: TLS, annotations } });
    const { code, stdout, stderr } = await pcmc("uninstall --yes");
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^note: .* --purge removes them\n$/)]);
    expect(stdout).not.toMatch(/^ConfigMaps of Pods|^definitions/m);
    expect(await exists(`${NS}/configmaps/pod-web-from-app-cfg`)).toBe(true);
    expect(await exists(MANAGER)).toBe(false);
    expect(await exists(`${SECRETS}/${TLS}`)).toBe(false);
  });

  test("changes nothing with --dry-run, without a yes, and where nobody can be asked", async () => {
    const dry = await pcmc("uninstall --purge --dry-run");
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/^would: agents: detach on 2 nodes/m)]);
    expect(dry.stdout.match(/MutatingWebhookConfiguration podconfigmap-controller/g)).toHaveLength(1);
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
  });

  test("of several installations removes only what is surely that of the one that was named", async () => {
    const { metadata, spec } = JSON.parse(await kubectl("get", "deployment", "podconfigmap-controller", "-o", "json"));
    const { name, labels } = metadata;
    await cluster.request("POST", "/apis/apps/v1/namespaces/shop/deployments", { metadata: { name, labels }, spec });
    const rbac = "/apis/rbac.authorization.k8s.io/v1";
    const grant = async (namespace: string, own: string) => {
      const where = `${rbac}/namespaces/${namespace}`;
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: own };
      const subjects = [{ kind: "ServiceAccount", name, namespace: "shop" }];
      await cluster.request("POST", `${where}/roles`, { metadata: { name: own, labels }, rules: [] });
      await cluster.request("POST", `${where}/rolebindings`, { metadata: { name: own, labels }, roleRef, subjects });
      return [`${where}/roles/${own}`, `${where}/rolebindings/${own}`];
    };
    // One of its own namespace, and one of a namespace that it watches.
    const own = [...(await grant("shop", name)), ...(await grant("default", `${name}-shop`))];
    onTestFinished(
      async () => void (await kubectl("delete", "role,rolebinding", `${name}-shop`, "--ignore-not-found")),
    );
    const admission = "/apis/admissionregistration.k8s.io/v1";
    const others = [
      AGENT,
      MANAGER,
      `${rbac}/clusterroles/${name}`,
      `${rbac}/clusterrolebindings/${name}`,
      `${rbac}/namespaces/default/roles/${name}-leader-election`,
      `${rbac}/namespaces/default/rolebindings/${name}-leader-election`,
      `${admission}/validatingwebhookconfigurations/${name}`,
      `${admission}/mutatingwebhookconfigurations/${name}`,
      `${admission}/validatingadmissionpolicies/${name}-agent`,
    ];
    const { code, stdout, stderr } = await pcmc("uninstall --yes --namespace shop");
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining(
        `ValidatingAdmissionPolicy ${name}-agent stays: it may be that of the installation in def`,
      ),
    ]);
    expect(stdout).toMatch(/^webhooks: nothing is installed$/m);
    for (const path of own) expect([path, await exists(path)]).toEqual([path, false]);
    for (const path of others) expect([path, await exists(path)]).toEqual([path, true]);
    // Of the last one everything goes.
    expect(await pcmc("uninstall --yes")).toMatchObject({ code: 0, stderr: expect.stringMatching(/^note: .*\n$/) });
    for (const path of others) expect([path, await exists(path)]).toEqual([path, false]);
  });

  test("finds what is elsewhere, by what its manager is told and by what is left of it", async () => {
    await move();
    const args = ["manager", "--leader-election-lock-name=other-lock", "--webhook-secret-name", "other-cert"];
    const spec = { template: { spec: { containers: [{ name: "manager", args }] } } };
    const manager = "/apis/apps/v1/namespaces/shop/deployments/podconfigmap-controller";
    await kubectl("patch", "deployment", "podconfigmap-controller", "-n", "shop", "-p", JSON.stringify({ spec }));
    await cluster.request("POST", LEASE, { metadata: { name: "other-lock" } });
    await cluster.request("POST", `${NS}/secrets`, { metadata: { name: "other-cert" } });
    expect(await pcmc("uninstall --agents-only --yes")).toMatchObject({
      code: 0,
      stdout: "agents: detached on 2 nodes (DaemonSet shop/podconfigmap-controller-agent)\n",
    });
    expect((await pcmc("uninstall --dry-run")).stdout).toMatch(/Secret shop\/other-cert, Lease default\/other-lock$/m);
    // Who deleted these two by hand is helped all the same.
    await kubectl("delete", "daemonset,deployment", "--all", "-n", "shop");
    const lease = LEASE.replace("default", "shop");
    await cluster.request("POST", lease, { metadata: { name: LOCK } });
    await cluster.request("POST", `${NS}/secrets`, { metadata: { name: "podconfigmap-controller-webhook-cert" } });
    expect(await pcmc("uninstall --yes")).toMatchObject({ code: 0 });
    for (const path of [
      manager,
      `${lease}/${LOCK}`,
      `${NS}/secrets/podconfigmap-controller-webhook-cert`,
      `${NS}/services/podconfigmap-controller-metrics`,
      `${NS}/serviceaccounts/podconfigmap-controller`,
    ]) {
      expect([path, await exists(path)]).toEqual([path, false]);
    }
    await kubectl("delete", "lease", "other-lock");
  });

  test("does not take for clean what nobody can tell: agents without a readiness probe, or under another command", async () => {
    const agents = "podconfigmap-controller-agent";
    const change = (op: string, path: string, value?: unknown) =>
      JSON.stringify([{ op, path: `/spec/template/spec/containers/0/${path}`, value }]);
    await kubectl("patch", "daemonset", agents, "--type=json", "-p", change("remove", "readinessProbe"));
    expect(await pcmc("uninstall --yes")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^agents: DaemonSet default\/\S+: it has no readiness probe: nobody can tell/),
    });
    await kubectl("patch", "daemonset", agents, "--type=json", "-p", change("replace", "args", ["--own", "agent"]));
    expect(await pcmc("uninstall --yes")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^agents: DaemonSet default\/\S+: no container of it runs "agent": detach by hand/),
    });
    expect(await exists(MANAGER)).toBe(true);
  });

  test("names the nodes whose agents cannot detach, and does not go on", async () => {
    await kubectl("cordon", "node-1");
    onTestFinished(async () => void (await kubectl("uncordon", "node-1")));
    const patch = {
      spec: { template: { spec: { containers: [{ name: "agent", resources: { requests: { cpu: "9999" } } }] } } },
    };
    await kubectl("patch", "daemonset", "podconfigmap-controller-agent", "-p", JSON.stringify(patch));
    const { code, stdout, stderr } = await pcmc("uninstall --purge --yes --timeout 5s");
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^agents: detached on [01] of 2 nodes/m)]);
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
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^leader: failed: not permitted: .*forbidden/m)]);
    await kubectl("delete", "serviceaccount,role,rolebinding", "uninstall");
  });

  test("does what the examples of the help say", async () => {
    for (const { line } of examples.uninstall) {
      expect(await pcmc(line.replace(/^pcmc /, ""))).toMatchObject({ code: 0 });
    }
  });
});
