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
 * - It stops where going on would be undone: while a manager works, and while agents are not, or not surely, detached.
 * - What it could not delete is told, and is no clean end.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  type CallOptions,
  Client,
  type DeleteOptions,
  ForbiddenError,
  type KubernetesObject,
  type ObjectKey,
  type Resource,
  type Stored,
  systemClock,
} from "@pcmc/controller-runtime";
import { describe, expect, onTestFinished, test } from "vitest";
import { examples } from "../../src/cli/examples.ts";
import { definitionsStep } from "../../src/cli/uninstall/definitions.ts";
import { findInstallation } from "../../src/cli/uninstall/installation.ts";
import { operatorStep } from "../../src/cli/uninstall/own-objects.ts";
import { marksOf } from "../../src/podconfigmap/ownership.ts";
import { deleteDefinitions } from "../chart/support/definitions.ts";
import { eventually } from "./support/eventually.ts";
import { fixedConfig } from "./support/manager.ts";
import { filledSecret } from "./support/uninstall-secret.ts";
import { AGENT, LEASE, LOCK, MANAGER, NS, ROOT, useUninstallStage } from "./support/uninstall-stage.ts";

const SECRETS = "/api/v1/namespaces/default/secrets";
const TLS = "podconfigmap-controller-webhook-tls";
const QUOTAS = "/api/v1/namespaces/default/resourcequotas";
/** Of the chart's own CA. */
const CA = "podconfigmap-controller-webhook-ca";
const SHARED = "podconfigmap-controller-webhook-cert";
const ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts";
const EBPF_READY = "podconfig.example.com/EbpfReady";

const stage = useUninstallStage();

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

interface Made {
  readonly metadata: { readonly uid: string };
}

/** A client that may not read Secrets. */
class Unseeing extends Client {
  override async get<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: CallOptions = {},
  ): Promise<Stored<T>> {
    const request = `GET ${resource.plural}/${key.name}`;
    if (resource.kind === "Secret") throw new ForbiddenError({ status: { code: 403, message: "no" }, request });
    return super.get(resource, key, options);
  }
}

/** What the controllers would have made, and beside it what looks like that and is not. */
const populate = async (): Promise<void> => {
  const ready = { type: EBPF_READY, status: "True", reason: "Attached", message: "" };
  const spec = { containers: [{ name: "main", image: "example.com/never-pulled" }] };
  const pod = await stage.cluster.request<Made>("POST", `${NS}/pods`, { metadata: { name: "web" }, spec });
  const gate = { readinessGates: [{ conditionType: EBPF_READY }] };
  await stage.cluster.request("POST", `${NS}/pods`, { metadata: { name: "gated" }, spec: { ...spec, ...gate } });
  for (const name of ["web", "gated"]) {
    const patch = { status: { conditions: [ready] } };
    const contentType = "application/strategic-merge-patch+json";
    await stage.cluster.request("PATCH", `${NS}/pods/${name}/status`, patch, { contentType });
  }
  const { labels, ownerReference } = marksOf({ pod: "web", pcmc: "app", podUid: pod.metadata.uid });
  const owned = { labels, ownerReferences: [ownerReference] };
  await stage.cluster.request("POST", `${NS}/configmaps`, { metadata: { name: "pod-web-from-app-cfg", ...owned } });
  await stage.cluster.request("POST", `${NS}/configmaps`, { metadata: { name: "somebodys", labels } });
  const role = { labels: { "app.kubernetes.io/managed-by": "podconfigmap-controller" } };
  const roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles";
  const annotations = { "podconfig.example.com/owner-uid": "0-1" };
  await stage.cluster.request("POST", roles, { metadata: { name: "podlogreader-web", ...role, annotations } });
  await stage.cluster.request("POST", roles, { metadata: { name: "podlogreader-mine", ...role } });
  await stage.kubectl("apply", "-f", join(ROOT, "examples/podconfigmapconfig.yaml"), "-n", "shop");
};

describe("pcmc uninstall --purge", () => {
  test("removes all that is installed and all that was made, and leaves what is others'", async () => {
    await populate();
    // A certificate that users put there themselves.
    await stage.cluster.request("POST", SECRETS, { metadata: { name: TLS } });
    onTestFinished(async () => void (await stage.kubectl("delete", "secret", TLS, "--ignore-not-found")));
    const { code, stdout, stderr } = await stage.pcmc("uninstall --purge --yes");
    expect(await stage.exists(`${SECRETS}/${TLS}`)).toBe(true);
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
      expect(await stage.exists(path)).toBe(false);
    expect(await stage.exists(`${NS}/configmaps/somebodys`)).toBe(true);
    const kinds = "clusterroles,clusterrolebindings,validatingwebhookconfigurations,mutatingwebhookconfigurations,crd";
    expect(await stage.kubectl("get", kinds, "-o", "name")).not.toMatch(/podconfigmap|watchers/);
  });

  test("takes the condition from Pods, and from Pods with the gate only what is no longer true", async () => {
    await populate();
    await stage.pcmc("uninstall --purge --yes");
    const conditions = async (pod: string) => {
      const path = "-o=jsonpath={range .status.conditions[*]}{.type}={.status},{.reason} {end}";
      return (await stage.kubectl("get", "pod", pod, "-n", "shop", path))
        .split(" ")
        .filter((one) => one.startsWith(EBPF_READY));
    };
    expect([await conditions("web"), await conditions("gated")]).toEqual([[], [`${EBPF_READY}=True,NotRequired`]]);
  });

  test("can be run again, and on what is left of an installation", async () => {
    await stage.cluster.request("DELETE", MANAGER);
    await stage.kubectl("delete", "crd", "watchers.watch.example.com");
    await stage.kubectl("delete", "clusterrole", "podconfigmap-controller");
    expect(await stage.pcmc("uninstall --purge --yes")).toMatchObject({ code: 0, stderr: "" });
    const { code, stdout, stderr } = await stage.pcmc("uninstall --purge --yes");
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
    await stage.cluster.request("POST", LEASE, {
      metadata: { name: LOCK },
      spec: renew("2026-01-01T00:00:00.000000Z"),
    });
    const contentType = "application/merge-patch+json";
    let turn = 0;
    const renewing = setInterval(() => {
      const spec = renew(new Date(Date.UTC(2026, 0, 1) + ++turn * 1_000).toISOString().replace("Z", "000Z"));
      stage.cluster.request("PATCH", `${LEASE}/${LOCK}`, { spec }, { contentType }).catch(() => {});
    }, 200);
    onTestFinished(() => clearInterval(renewing));
    const { code, stdout, stderr } = await stage.pcmc("uninstall --purge --yes");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^leader: failed: a manager still works: laptop holds the Lease/),
    ]);
    expect(stdout).toBe("");
    expect(await stage.exists(MANAGER)).toBe(true);
    expect(await stage.exists(`${NS}/configmaps/pod-web-from-app-cfg`)).toBe(true);
    clearInterval(renewing);
    // From then on the Lease is one of a manager that was killed.
    expect((await stage.pcmc("uninstall --purge --yes")).stdout).toMatch(/^ConfigMaps of Pods: deleted 1 ConfigMap$/m);
    expect(await stage.exists(`${LEASE}/${LOCK}`)).toBe(false);
  });
});

test("a definition that does not go is named with what the API server says of it", async () => {
  const apiVersion = "podconfig.example.com/v1alpha1";
  const configs = `/apis/${apiVersion}/namespaces/shop/podconfigmapconfigs`;
  const metadata = { name: "held", finalizers: ["example.com/others"] };
  await stage.cluster.request("POST", configs, { apiVersion, kind: "PodConfigMapConfig", metadata, spec: {} });
  const over = new AbortController();
  // Before the test ends: until then nothing can be cleared.
  await using _ = {
    async [Symbol.asyncDispose]() {
      over.abort();
      const contentType = "application/merge-patch+json";
      await stage.cluster.request("PATCH", `${configs}/held`, { metadata: { finalizers: [] } }, { contentType });
      await deleteDefinitions(stage.cluster);
    },
  };
  const client = new Client(fixedConfig(stage.cluster));
  onTestFinished(() => client.close());
  const context = { client, clock: systemClock, namespace: "default", mode: "do", signal: over.signal } as const;
  const removal = expect(definitionsStep.run(context)).rejects.toThrow(
    /^podconfigmapconfigs\S+ does not go: the API server says ".+"; look for objects /,
  );
  await eventually("the API server says that it is at it", async () => {
    const path = "-o=jsonpath={.status.conditions[?(@.type=='Terminating')].message}";
    return (await stage.kubectl("get", "crd", "podconfigmapconfigs.podconfig.example.com", path)) !== "";
  });
  over.abort();
  await removal;
});

describe("the removal of the operator's own objects", () => {
  const remove = (before: NonNullable<Meddled["before"]>) => {
    const client = new Meddled(fixedConfig(stage.cluster));
    client.before = before;
    return removeWith(client);
  };
  const removeWith = async (client: Client) => {
    onTestFinished(() => client.close());
    const installation = await findInstallation(client, undefined);
    const signal = AbortSignal.timeout(60_000);
    const context = { client, clock: systemClock, namespace: installation.namespace, mode: "do", signal } as const;
    return await operatorStep(installation).run(context);
  };

  test("does not mind that others write their status meanwhile", async () => {
    const touched = await remove(async (options) => {
      await stage.kubectl("annotate", "daemonset", "podconfigmap-controller-agent", "touched=1");
      return options;
    });
    expect(touched.left).toEqual([]);
    expect(await stage.exists(AGENT)).toBe(false);
  });

  test("goes on without what it may not look at", async () => {
    const { left } = await removeWith(new Unseeing(fixedConfig(stage.cluster)));
    expect(left).toEqual(
      [SHARED, TLS, CA].map((name) => expect.stringMatching(`^Secret default/${name}: failed: not permitted: `)),
    );
    expect(await stage.exists(AGENT)).toBe(false);
  });

  test("tells what it could not delete", async () => {
    // The API server answers 409, as it does when the object was replaced.
    const { left } = await remove(async (options) => ({ ...options, preconditions: { uid: "that-of-another" } }));
    expect(left).toEqual(["DaemonSet default/podconfigmap-controller-agent changed meanwhile: run it again"]);
    expect(await stage.exists(AGENT)).toBe(true);
  });
});

describe("pcmc uninstall", () => {
  test("without --purge leaves definitions and what was made for users", async () => {
    await populate();
    const issuedFor = (certificate: string) => ({ "cert-manager.io/certificate-name": certificate });
    const leaf = { name: TLS, annotations: issuedFor("podconfigmap-controller-webhook") };
    const ca = { name: CA, annotations: issuedFor("podconfigmap-controller-webhook-ca") };
    for (const metadata of [leaf, ca]) await stage.cluster.request("POST", SECRETS, { metadata });
    const labels = { "app.kubernetes.io/name": "podconfigmap-controller-agent" };
    const quota = { metadata: { name: "podconfigmap-controller-agent", labels }, spec: { hard: { pods: "1k" } } };
    await stage.cluster.request("POST", QUOTAS, quota);
    const { code, stdout, stderr } = await stage.pcmc("uninstall --yes");
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^note: .* --purge removes them\n$/)]);
    expect(stdout).not.toMatch(/^ConfigMaps of Pods|^definitions/m);
    expect(await stage.exists(`${NS}/configmaps/pod-web-from-app-cfg`)).toBe(true);
    expect(await stage.exists(MANAGER)).toBe(false);
    for (const name of [TLS, CA]) expect(await stage.exists(`${SECRETS}/${name}`)).toBe(false);
    expect(await stage.exists(`${QUOTAS}/podconfigmap-controller-agent`)).toBe(false);
  });

  test("takes the Secret that the manager filled, and names one of others in its place", async () => {
    onTestFinished(async () => void (await stage.kubectl("delete", "secret", SHARED, "--ignore-not-found")));
    await stage.cluster.request("POST", SECRETS, { metadata: { name: SHARED }, ...(await filledSecret("others")) });
    const { code, stderr } = await stage.pcmc("uninstall --yes");
    const stays = `operator: Secret default/${SHARED} stays: what it holds is not surely ours\n`;
    expect([code, stderr]).toEqual([0, expect.stringContaining(stays)]);
    expect(await stage.exists(`${SECRETS}/${SHARED}`)).toBe(true);
    await stage.kubectl("delete", "secret", SHARED);
    await stage.cluster.request("POST", SECRETS, { metadata: { name: SHARED }, ...(await filledSecret()) });
    const again = await stage.pcmc("uninstall --yes --namespace default");
    expect(again.stdout).toMatch(new RegExp(`^operator: deleted 1 object: Secret default/${SHARED}$`, "m"));
    expect(await stage.exists(`${SECRETS}/${SHARED}`)).toBe(false);
  });

  test("takes it too where the manager has its certificate from others by now", async () => {
    onTestFinished(async () => void (await stage.kubectl("delete", "secret", SHARED, "--ignore-not-found")));
    await stage.cluster.request("POST", SECRETS, { metadata: { name: SHARED }, ...(await filledSecret()) });
    await stage.kubectl("set", "env", "deployment/podconfigmap-controller", "WEBHOOK_CERT_DIR=/certs");
    const { code, stdout, stderr } = await stage.pcmc("uninstall --yes");
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^note: .*\n$/)]);
    expect(stdout).toContain(`Secret default/${SHARED}`);
    expect(await stage.exists(`${SECRETS}/${SHARED}`)).toBe(false);
  });

  /** Has the manager run as the account `team-sa`, which bears our label. `release`, `mark`: whose Helm says that they are. */
  const runAsTeam = async ({ release, mark }: { readonly release?: string; readonly mark?: string }) => {
    const labels = { "app.kubernetes.io/name": "podconfigmap-controller" };
    const annotations = { "meta.helm.sh/release-name": mark };
    await stage.cluster.request("POST", ACCOUNTS, { metadata: { name: "team-sa", labels, annotations } });
    onTestFinished(async () => void (await stage.kubectl("delete", "serviceaccount", "team-sa", "--ignore-not-found")));
    const manager = "deployment/podconfigmap-controller";
    await stage.kubectl("set", "serviceaccount", manager, "team-sa");
    if (release !== undefined) await stage.kubectl("annotate", manager, `meta.helm.sh/release-name=${release}`);
  };

  test("takes the ServiceAccount of its release that the manager runs as, whatever its name", async () => {
    await runAsTeam({ release: "pcmc", mark: "pcmc" });
    const { code, stdout } = await stage.pcmc("uninstall --yes");
    expect([code, stdout]).toEqual([0, expect.stringContaining("ServiceAccount default/team-sa")]);
    expect(await stage.exists(`${ACCOUNTS}/team-sa`)).toBe(false);
  });

  test("takes it also when it is run again after the workloads have gone", async () => {
    await runAsTeam({ release: "pcmc", mark: "pcmc" });
    const subjects = [{ kind: "ServiceAccount", name: "team-sa", namespace: "default" }];
    const patch = JSON.stringify({ subjects, metadata: { annotations: { "meta.helm.sh/release-name": "pcmc" } } });
    await stage.kubectl("patch", "clusterrolebinding", "podconfigmap-controller", "--type=merge", "-p", patch);
    for (const path of [AGENT, MANAGER]) await stage.cluster.request("DELETE", path);
    const { code, stdout, stderr } = await stage.pcmc("uninstall --yes");
    expect([code, stdout]).toEqual([0, expect.stringContaining("ServiceAccount default/team-sa")]);
    expect(stderr).toContain("helm uninstall pcmc -n default --no-hooks");
  });

  test.each([
    { name: "without a mark, in a release", release: "pcmc" },
    { name: "without a mark, and without a release" },
    { name: "of another release", release: "pcmc", mark: "team" },
  ])("names and leaves the ServiceAccount of others that the manager runs as: $name", async (marks) => {
    await runAsTeam(marks);
    const { code, stdout, stderr } = await stage.pcmc("uninstall --yes");
    const line = "operator: 1 ServiceAccount left, with a label of ours but not surely ours: .*: default/team-sa\n";
    expect([code, stderr]).toEqual([1, expect.stringMatching(new RegExp(`^${line}(note: .*\n)+$`))]);
    expect(stdout).not.toContain("ServiceAccount default/team-sa");
    expect(await stage.exists(`${ACCOUNTS}/team-sa`)).toBe(true);
  });

  test("names and leaves a ServiceAccount of its release that nothing of it runs as", async () => {
    const labels = { "app.kubernetes.io/name": "podconfigmap-controller" };
    const annotations = { "meta.helm.sh/release-name": "pcmc" };
    await stage.cluster.request("POST", ACCOUNTS, { metadata: { name: "somebodys", labels, annotations } });
    onTestFinished(
      async () => void (await stage.kubectl("delete", "serviceaccount", "somebodys", "--ignore-not-found")),
    );
    await stage.kubectl("annotate", "deployment/podconfigmap-controller", "meta.helm.sh/release-name=pcmc");
    expect(await stage.pcmc("uninstall --yes")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^operator: 1 ServiceAccount left, .*: default\/somebodys\n/),
    });
    expect(await stage.exists(`${ACCOUNTS}/somebodys`)).toBe(true);
  });

  test("changes nothing with --dry-run, without a yes, and where nobody can be asked", async () => {
    const dry = await stage.pcmc("uninstall --purge --dry-run");
    expect([dry.code, dry.stdout]).toEqual([0, expect.stringMatching(/^would: agents: detach on 2 nodes/m)]);
    expect(dry.stdout.match(/MutatingWebhookConfiguration podconfigmap-controller/g)).toHaveLength(1);
    expect(await stage.pcmc("uninstall --purge", { answer: "y" })).toMatchObject({
      code: 1,
      stderr: "nothing was removed\n",
    });
    const refused = await stage.pcmc("uninstall --purge");
    expect([refused.code, refused.stdout, refused.stderr.split("\n").length]).toEqual([2, "", 2]);
    expect(await stage.exists(MANAGER)).toBe(true);
    expect(await stage.pcmc("uninstall", { answer: "yes" })).toMatchObject({ code: 0 });
    expect(await stage.exists(MANAGER)).toBe(false);
  });

  test("does not take for clean what nobody can tell: agents without a readiness probe, or under another command", async () => {
    const agents = "podconfigmap-controller-agent";
    const change = (op: string, path: string, value?: unknown) =>
      JSON.stringify([{ op, path: `/spec/template/spec/containers/0/${path}`, value }]);
    await stage.kubectl("patch", "daemonset", agents, "--type=json", "-p", change("remove", "readinessProbe"));
    expect(await stage.pcmc("uninstall --yes")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^agents: DaemonSet default\/\S+: it has no readiness probe: nobody can tell/),
    });
    await stage.kubectl(
      "patch",
      "daemonset",
      agents,
      "--type=json",
      "-p",
      change("replace", "args", ["--own", "agent"]),
    );
    expect(await stage.pcmc("uninstall --yes")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^agents: DaemonSet default\/\S+: no container of it runs "agent": detach by hand/),
    });
    expect(await stage.exists(MANAGER)).toBe(true);
  });

  test("names the nodes whose agents cannot detach, and does not go on", async () => {
    await stage.kubectl("cordon", "node-1");
    onTestFinished(async () => void (await stage.kubectl("uncordon", "node-1")));
    const patch = {
      spec: { template: { spec: { containers: [{ name: "agent", resources: { requests: { cpu: "9999" } } }] } } },
    };
    await stage.kubectl("patch", "daemonset", "podconfigmap-controller-agent", "-p", JSON.stringify(patch));
    const { code, stdout, stderr } = await stage.pcmc("uninstall --purge --yes --timeout 5s");
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^agents: detached on [01] of 2 nodes/m)]);
    expect(stderr).toMatch(/^agents: node \S+: .*(cpu|agent)/m);
    expect(stderr).toMatch(/^nothing after that was begun/m);
    expect(await stage.exists(MANAGER)).toBe(true);
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
    await stage.cluster.request("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata });
    await stage.cluster.request("POST", `${rbac}/roles`, { metadata, rules });
    await stage.cluster.request("POST", `${rbac}/rolebindings`, {
      metadata,
      roleRef,
      subjects: [{ kind: "ServiceAccount", ...metadata }],
    });
    const token = (await stage.kubectl("create", "token", "uninstall")).trim();
    const admin = JSON.parse(await stage.kubectl("config", "view", "--raw", "-o", "json"));
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
    const { code, stderr } = await stage.pcmc("uninstall --yes --namespace default", { kubeconfig });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^leader: failed: not permitted: .*forbidden/m)]);
    await stage.kubectl("delete", "serviceaccount,role,rolebinding", "uninstall");
  });

  test("does what the examples of the help say", async () => {
    for (const { line } of examples.uninstall) {
      expect(await stage.pcmc(line.replace(/^pcmc /, ""))).toMatchObject({ code: 0 });
    }
  });
});
