/*
 * `pcmc doctor` against a real API server, with the operator installed from crd/ and manifests/ and a manager that works.
 *
 * Invariants:
 * - Nothing is wrong: each line is fine, exit code 0, and nothing in the cluster has changed.
 * - One thing is wrong: exactly that is found, with what to do about it, and exit code 1 where it does not work any more.
 * - A right that is missing makes a check say which, and no more.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { since, startFaultProxy } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { parse, stringify } from "yaml";
import type { PodConfigMapConfig } from "../../src/api/podconfigmapconfig.ts";
import { examples } from "../../src/cli/examples.ts";
import { AGENT, NAME } from "../../src/rbac/names.ts";
import { Folder } from "../cli/support.ts";
import { DoctorStage, ownAddress } from "./support/doctor-stage.ts";
import { eventually } from "./support/eventually.ts";
import { manifestFiles } from "./support/manifest-files.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const PCMC_CRD = `${CRDS}/podconfigmapconfigs.podconfig.example.com`;
const PCMCS = "/apis/podconfig.example.com/v1alpha1/namespaces/default/podconfigmapconfigs";
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const CLUSTER_ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const policies = since("1.30", "ValidatingAdmissionPolicy v1");
const STRATEGIC = { contentType: "application/strategic-merge-patch+json" };
const skip = ownAddress === undefined;

const pcmc = (name: string, spec: object) => ({
  apiVersion: "podconfig.example.com/v1alpha1",
  kind: "PodConfigMapConfig",
  metadata: { name },
  spec,
});

describe.skipIf(skip)(`doctor${skip ? " (skipped: this machine has no address but loopback)" : ""}`, () => {
  let stage: DoctorStage;

  beforeAll(async () => {
    stage = await DoctorStage.create();
    await stage.start();
    await stage.finds([]);
  });
  afterAll(() => stage?.stop());

  /** Creates an object for the time of a test. */
  const created = async <T extends Named>(path: string, object: T) => {
    await stage.cluster.request("POST", path, object);
    return {
      [Symbol.asyncDispose]: async () => {
        await stage.cluster.request("DELETE", `${path}/${object.metadata.name}`);
      },
    };
  };

  /** Changes an object for the time of a test. */
  const changed = async (path: string, change: (object: Changeable) => void) => {
    const before = await stage.cluster.request<Changeable>("GET", path);
    const after = structuredClone(before);
    change(after);
    await stage.cluster.request("PUT", path, after);
    return {
      [Symbol.asyncDispose]: async () => {
        const { metadata } = await stage.cluster.request<Changeable>("GET", path);
        await stage.cluster.request("PUT", path, { ...before, metadata });
      },
    };
  };

  test("a healthy cluster: every line is fine, all sections are there, and nothing is said on standard error", async () => {
    const { code, checks, bad, stderr } = await stage.diagnose();
    expect([code, bad, stderr]).toEqual([0, [], ""]);
    expect([...new Set(checks.map(({ section }) => section))]).toEqual(
      "cluster crds install permissions leader webhooks agents resources endpoints".split(" "),
    );
    const ids = new Set(checks.map(({ id }) => id));
    for (const id of ["crds.schema", "leader.pod", "webhooks.certificate", "webhooks.answers", "endpoints.metrics"]) {
      expect(ids).toContain(id);
    }
  });

  test("for people it is sections of lines, without colours where nobody looks, and a summary", async () => {
    const { code, stdout } = await stage.say();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Cluster\n {2}✓ the API server https:\S+ answers\n/);
    expect(stdout).not.toContain("\u001b");
    expect(stdout).toMatch(/\n0 failed, \d+ ok\n$/);
  });

  test("it stores nothing: what it tries is a dry run", async () => {
    await stage.diagnose();
    expect(await stage.cluster.request("GET", PCMCS)).toMatchObject({ items: [] });
  });

  test("a CRD that is missing is named, with the file that makes it", async () => {
    await stage.cluster.request("DELETE", `${CRDS}/watchers.watch.example.com`);
    const [found] = await stage.finds(["crds.present"]);
    expect(found).toMatchObject({
      status: "failed",
      message: "CRD watchers.watch.example.com is missing: its controller is off",
      remedy: expect.stringContaining("crd/watcher_crd.yaml"),
      docs: "docs/reference/doctor.md#crdspresent",
    });
    expect((await stage.diagnose()).code).toBe(1);
    await stage.kubectl(
      "apply",
      "--server-side",
      "-f",
      new URL("../../../../crd/watcher_crd.yaml", import.meta.url).pathname,
    );
  });

  test("a CRD of an older release is told by what it drops", async () => {
    await using _ = await changed(PCMC_CRD, (object) => {
      delete specOf(object).ebpfConfig;
      delete specOf(object).labelsToInclude;
    });
    const [found] = await stage.finds(["crds.schema"]);
    expect(found).toMatchObject({
      status: "failed",
      message: expect.stringMatching(/it drops .*spec\.labelsToInclude/),
      remedy: expect.stringContaining("kubectl apply --server-side -f crd/podconfigmapconfig_crd.yaml"),
    });
  });

  test("a CRD of a newer release, and one with other rules, are warnings", async () => {
    {
      await using _ = await changed(PCMC_CRD, (object) => {
        specOf(object).ofTomorrow = { type: "string" };
      });
      const [found] = await stage.finds(["crds.schema"]);
      expect(found).toMatchObject({
        status: "warning",
        message: expect.stringContaining("does not know spec.ofTomorrow"),
      });
    }
    await using _ = await changed(PCMC_CRD, (object) => {
      const { labelsToInclude } = specOf(object);
      if (labelsToInclude !== undefined) labelsToInclude.maxItems = 128;
    });
    const [found] = await stage.finds(["crds.schema"]);
    expect(found).toMatchObject({
      status: "warning",
      message: expect.stringContaining("other defaults, bounds or rules"),
    });
    expect((await stage.diagnose()).code).toBe(0);
  });

  test("a rule that the operator lacks is named, with the account, the place and what grants it", async () => {
    await using _ = await changed(`${CLUSTER_ROLES}/${NAME}-podconfigmap`, ({ rules }) => {
      for (const rule of rules.filter(({ resources }) => resources.includes("podconfigmapconfigs/status")))
        rule.verbs = ["get"];
    });
    const [found, ...more] = await stage.finds(["permissions.operator"]);
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      status: "failed",
      message: `ServiceAccount default/${NAME} may not, in all namespaces, for podconfigmap: update podconfigmapconfigs/status.podconfig.example.com`,
      remedy: expect.stringContaining("app.kubernetes.io/component=podconfigmap in manifests/rbac.yaml"),
    });
  });

  test("a PodConfigMapConfig whose template fails is named with its reason", async () => {
    const pod = {
      metadata: { name: "web" },
      spec: { nodeName: "nowhere", containers: [{ name: "main", image: "example.com/never-pulled" }] },
    };
    await stage.cluster.request("POST", "/api/v1/namespaces/default/pods", pod);
    {
      await using _ = await created(PCMCS, pcmc("broken", { configMapDataTemplate: { x: '{{ fail "never" }}' } }));
      await eventually("the controller has judged it", async () => {
        const { status } = await stage.cluster.request<PodConfigMapConfig>("GET", `${PCMCS}/broken`);
        return status?.conditions?.some(({ type }) => type === "Ready");
      });
      const [found] = await stage.finds(["resources.podconfigmapconfigs"]);
      expect(found).toMatchObject({
        status: "failed",
        message: expect.stringMatching(/^PodConfigMapConfig default\/broken is not Ready: \w+: /),
        remedy: expect.stringContaining("kubectl describe pcmc"),
      });
      await stage.cluster.request("DELETE", "/api/v1/namespaces/default/pods/web", { gracePeriodSeconds: 0 });
    }
  });

  test("eBPF that is asked for without agents is told, and of agents what is not as it should be", async () => {
    const firewall = { l4Firewall: { enabled: true, blockedPorts: [7000] } };
    await using _ = await created(
      PCMCS,
      pcmc("guarded", { podSelector: { matchLabels: { app: "none" } }, ebpfConfig: firewall }),
    );
    const [found] = await stage.finds(["agents.installed"]);
    expect(found).toMatchObject({
      status: "failed",
      message: expect.stringContaining("default/guarded asks for eBPF"),
      remedy: expect.stringContaining("manifests/agent.yaml"),
    });
    const folder = await mkdtemp(join(tmpdir(), "pcmc-doctor-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [manifest = ""] = await manifestFiles(["agent.yaml"], folder);
    await stage.kubectl("apply", "--server-side", "-f", manifest);
    await stage.kubectl("rollout", "status", `daemonset/${AGENT.name}`, "--timeout=60s");
    // Without policies, no agent is guarded.
    const unguarded = policies.missing ? ["agents.policy"] : [];
    await stage.finds(unguarded);
    if (!policies.missing)
      await stage.cluster.request("DELETE", `${ADMISSION}/validatingadmissionpolicybindings/${AGENT.name}`);
    const [policy] = await stage.finds(["agents.policy"]);
    expect(policy).toMatchObject(
      policies.missing
        ? { status: "warning", remedy: "upgrade to 1.30 or later" }
        : { status: "failed", remedy: expect.stringContaining("manifests/agent.yaml") },
    );
    await stage.kubectl("apply", "--server-side", "-f", manifest);
    const role = `${CLUSTER_ROLES}/${AGENT.name}`;
    await stage.merge(role, { rules: [] });
    const without = await stage.finds(["permissions.operator", ...unguarded]);
    expect(without).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining(`default/${AGENT.name} may not`) }),
    );
    await stage.kubectl("apply", "--server-side", "--force-conflicts", "-f", manifest);
    await stage.kubectl("delete", "-f", manifest, "--wait=true");
    await stage.finds(["agents.installed"]);
  });

  test("a Pod that an agent called attached is told where its node has none any more, and one that nothing applies to is not", async () => {
    const { spec: { nodeName } = {} } = await stage.pod();
    const pods = "/api/v1/namespaces/default/pods";
    const spec = { nodeName, containers: [{ name: "main", image: "example.com/never-pulled" }] };
    await using _web = await created(pods, { metadata: { name: "web" }, spec });
    await using _gated = await created(pods, { metadata: { name: "gated" }, spec });
    for (const [name, reason] of [
      ["web", "Attached"],
      ["gated", "NotRequired"],
    ]) {
      const conditions = [{ type: "podconfig.example.com/EbpfReady", status: "True", reason, message: "" }];
      await stage.cluster.request("PATCH", `${pods}/${name}/status`, { status: { conditions } }, STRATEGIC);
    }
    const [found] = await stage.finds(["agents.unattended-pods"]);
    expect(found).toMatchObject({
      status: "warning",
      message: expect.stringContaining(`on a node without an agent: default/web (${nodeName}): `),
      remedy: expect.stringContaining("kubectl apply -f manifests/agent.yaml"),
    });
  });

  test("a quota of ConfigMaps that is nearly used up is told where PodConfigMapConfigs are", async () => {
    await stage.cluster.request("POST", PCMCS, pcmc("quota", { podSelector: { matchLabels: { app: "none" } } }));
    // kube-root-ca.crt is in every namespace.
    {
      await using _ = await created("/api/v1/namespaces/default/resourcequotas", {
        metadata: { name: "few" },
        spec: { hard: { "count/configmaps": "1" } },
      });
      const [found] = await stage.finds(["resources.quota"]);
      expect(found).toMatchObject({
        status: "failed",
        message: "ResourceQuota default/few: 1 of 1 ConfigMaps used",
        remedy: expect.stringContaining("raise the quota"),
      });
    }
    await stage.cluster.request("DELETE", `${PCMCS}/quota`);
  });

  test("a ConfigMap of ours whose Pod is gone is told", async () => {
    const labels = { "podconfig.example.com/generated-by-pcmc": "gone", "podconfig.example.com/pod-uid": "0-0-0" };
    await using _ = await created("/api/v1/namespaces/default/configmaps", { metadata: { name: "left", labels } });
    const [found] = await stage.finds(["resources.leftovers"]);
    expect(found).toMatchObject({
      status: "warning",
      message: expect.stringContaining("default/left"),
      remedy: expect.stringContaining("garbage collector"),
    });
  });

  test("the right to list is enough to find it", async () => {
    const labels = { "podconfig.example.com/generated-by-pcmc": "gone", "podconfig.example.com/pod-uid": "0-0-0" };
    await using _ = await created("/api/v1/namespaces/default/configmaps", { metadata: { name: "left", labels } });
    const kubeconfig = await allowed("lister", { apiGroups: [""], resources: ["configmaps", "pods"], verbs: ["list"] });
    const { bad } = await stage.diagnose("", kubeconfig);
    expect(bad.find(({ id }) => id === "resources.leftovers")).toMatchObject({
      status: "warning",
      message: expect.stringContaining("default/left"),
    });
  });

  test("a webhook of others that has nobody to answer is told", async () => {
    await using _ = await created(`${ADMISSION}/validatingwebhookconfigurations`, {
      metadata: { name: "stray" },
      webhooks: [
        {
          name: "stray.example.com",
          clientConfig: { service: { namespace: "default", name: "gone" } },
          rules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"], operations: ["CREATE"] }],
          namespaceSelector: { matchLabels: { nowhere: "true" } },
          failurePolicy: "Fail",
          sideEffects: "None",
          admissionReviewVersions: ["v1"],
        },
      ],
    });
    const [found] = await stage.finds(["webhooks.foreign"]);
    expect(found).toMatchObject({ status: "warning", message: expect.stringContaining("stray.example.com") });
  });

  test("a second installation with a Lease of its own is a rival, one that shares the Lease is none", async () => {
    const { cluster } = stage;
    await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: "other" } });
    const path = "/apis/apps/v1/namespaces/other/deployments";
    const labels = { "app.kubernetes.io/name": NAME };
    const rival = (lock: string) => ({
      metadata: { name: NAME, labels },
      spec: {
        replicas: 0,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [
              { name: "manager", image: "pcmc:x", args: ["manager", `--leader-election-lock-name=${lock}`] },
            ],
          },
        },
      },
    });
    {
      await using _ = await created(path, rival("another"));
      const [found] = await stage.finds(["install.rivals"]);
      expect(found).toMatchObject({ status: "failed", remedy: expect.stringContaining("remove one of them") });
    }
    await using _ = await created(path, rival("podconfigmap-controller-lock"));
    await stage.finds([]);
  });

  test("webhook configurations that are gone are named, and that nothing is refused any more", async () => {
    const path = `${ADMISSION}/validatingwebhookconfigurations/${NAME}`;
    const before = await stage.cluster.request<Changeable>("GET", path);
    await stage.cluster.request("DELETE", path);
    const found = await stage.finds(["webhooks.registered", "webhooks.answers"]);
    expect(found[0]).toMatchObject({
      status: "failed",
      message: expect.stringContaining(`ValidatingWebhookConfiguration ${NAME}`),
      remedy: expect.stringContaining("manifests/webhooks.yaml"),
    });
    const { resourceVersion, uid, ...metadata } = before.metadata;
    await stage.cluster.request("POST", `${ADMISSION}/validatingwebhookconfigurations`, { ...before, metadata });
  });

  test("failurePolicy Fail is a warning", async () => {
    await using _ = await changed(`${ADMISSION}/mutatingwebhookconfigurations/${NAME}`, ({ webhooks }) => {
      for (const webhook of webhooks) webhook.failurePolicy = "Fail";
    });
    const [found] = await stage.finds(["webhooks.failure-policy"]);
    expect(found).toMatchObject({
      status: "warning",
      remedy: expect.stringContaining("webhooks.failurePolicy=Ignore"),
    });
  });

  test("without any right, each check is skipped with the rule that it takes, and none fails", async () => {
    const { kubeconfig } = await stage.cluster.addUser({ name: "nobody" });
    const { code, bad, checks } = await stage.diagnose("", kubeconfig);
    expect([code, checks.filter(({ status }) => status === "failed")]).toEqual([0, []]);
    expect(bad.find(({ id }) => id === "install.found")).toMatchObject({
      status: "skipped",
      message: "the operator: you may not list deployments.apps in all namespaces",
      remedy: "get the right to list deployments.apps in all namespaces",
    });
    expect(bad.find(({ id }) => id === "permissions.self")).toMatchObject({
      status: "warning",
      message: expect.stringContaining("get customresourcedefinitions.apiextensions.k8s.io"),
    });
  });

  test("with the right to read, and no more, what takes more is skipped alone", async () => {
    const { kubeconfig } = await stage.cluster.addUser({ name: "reader" });
    await stage.cluster.request("POST", CLUSTER_ROLES, {
      metadata: { name: "reads" },
      rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["get", "list"] }],
    });
    await stage.kubectl("create", "clusterrolebinding", "reads", "--clusterrole=reads", "--user=reader");
    const { code, bad } = await stage.diagnose("", kubeconfig);
    const skipped = bad.filter(({ status }) => status === "skipped").map(({ id }) => id);
    expect([code, skipped]).toEqual([0, ["permissions.operator", "webhooks.answers"]]);
  });

  test("an operator that may be a DaemonSet is not missing while these may not be listed", async () => {
    const kubeconfig = await allowed("halfway", { apiGroups: ["apps"], resources: ["deployments"], verbs: ["list"] });
    const { code, bad } = await stage.diagnose(" -n kube-public", kubeconfig);
    expect([code, bad.find(({ id }) => id === "install.found")]).toMatchObject([
      0,
      { status: "skipped", message: "the operator: you may not list daemonsets.apps in namespace kube-public" },
    ]);
  });

  /** The kubeconfig of a new user who has one rule everywhere. */
  const allowed = async (name: string, rule: object): Promise<string> => {
    const { kubeconfig } = await stage.cluster.addUser({ name });
    await stage.cluster.request("POST", CLUSTER_ROLES, { metadata: { name }, rules: [rule] });
    await stage.kubectl("create", "clusterrolebinding", name, `--clusterrole=${name}`, `--user=${name}`);
    return kubeconfig;
  };

  test("the operator of a namespace that has none is missing", async () => {
    const { code, bad } = await stage.diagnose(" -n kube-public");
    expect(code).toBe(1);
    expect(bad[0]).toMatchObject({
      id: "install.found",
      message: expect.stringContaining("there is no operator in namespace kube-public"),
    });
  });

  test("what is not answered in time is skipped, and the rest is told all the same", async () => {
    await using proxy = await proxied();
    proxy.rule({ match: { path: /\/leases\// }, action: { type: "hold" } });
    const { code, bad, checks } = await stage.diagnose(" --timeout 8s", proxy.kubeconfig);
    expect([code, bad]).toMatchObject([
      0,
      [{ id: "leader.lease", status: "skipped", message: expect.stringContaining("not done within 8s") }],
    ]);
    expect(checks.map(({ id }) => id)).toContain("webhooks.answers");
  });

  /** A way to the API server that can be slow. */
  const proxied = async () => {
    const { cluster } = stage;
    const proxy = await startFaultProxy({ target: cluster });
    const { clusters, ...others } = parse(cluster.kubeconfigYaml);
    const by = { server: proxy.server, "certificate-authority-data": Buffer.from(proxy.caPem).toString("base64") };
    const folder = await Folder.with({ config: stringify({ ...others, clusters: [{ ...clusters[0], cluster: by }] }) });
    const rule = proxy.rule.bind(proxy);
    return { kubeconfig: `${folder.path}/config`, rule, [Symbol.asyncDispose]: () => proxy.stop() };
  };

  test("the examples of the help do what they say", async () => {
    await stage.finds([]);
    const folder = await Folder.with({});
    for (const { line } of examples.doctor) {
      const { code, stderr } = await folder.shell(line, { env: { KUBECONFIG: stage.cluster.kubeconfig } });
      expect([code, stderr]).toEqual([0, ""]);
    }
  });

  test("a cluster that is not there: one line, and exit code 2", async () => {
    const folder = await Folder.with({
      config: JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: "a", cluster: { server: "https://127.0.0.1:1" } }],
        contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
        users: [{ name: "a", user: {} }],
        "current-context": "a",
      }),
    });
    const { code, stdout, stderr } = await folder.run("doctor --kubeconfig ./config");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^cannot reach the API server https:\/\/127\.0\.0\.1:1: [^\n]+\n$/);
  });
});

/** An object of the API, as far as tests change one: a CRD, a role, or a webhook configuration. */
interface Changeable {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Fields } }[] };
  readonly rules: readonly { readonly resources: readonly string[]; verbs: readonly string[] }[];
  readonly webhooks: readonly { failurePolicy: string }[];
}

interface Named {
  readonly metadata: { readonly name: string };
}

interface Fields {
  type?: string;
  maxItems?: number;
  properties?: Record<string, Fields>;
}

/** The schema of the first version's spec. */
const specOf = ({ spec }: Changeable): Record<string, Fields> =>
  spec.versions[0]?.schema.openAPIV3Schema.properties?.spec?.properties ?? {};
