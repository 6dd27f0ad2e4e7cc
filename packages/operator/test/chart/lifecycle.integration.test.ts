/*
 * The chart's life by the real helm, on a real API server, with the manager running beside it.
 *
 * Invariants:
 * - Install, upgrade, rollback and uninstall succeed; helm's own tests of what it applied find nothing to complain about.
 * - An upgrade that changes nothing writes nothing of the release's objects.
 * - What the manager has written into webhook configurations, `caBundle`, stays through upgrade and rollback, by each of helm's
 *   ways to apply; and nobody's change of settings is lost.
 * - CRDs come with the release, are upgraded by it, are adopted from `kubectl apply`, and stay when it goes, with all that users
 *   made; with crds.keep: false they go.
 * - CRDs that a release has left are another one's only when that is asked for.
 * - An upgrade never takes agents away whose rules would stay in the kernels, but where somebody wants just that.
 * - After uninstall nothing of the release is left but CRDs.
 * - Under the permissions that the chart gives, in a few namespaces or in all, the manager is refused nothing.
 * - What the notes say to apply can be applied.
 */
import { ApiStatusError, type Cluster, freePort, isAtLeast, startCluster } from "@pcmc/devcluster";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { detachPatch } from "../../src/cli/uninstall/agent-pods.ts";
import { eventually } from "../integration/support/eventually.ts";
import { ManagerProcess } from "../integration/support/manager-process.ts";
import { Namespace } from "../integration/support/namespace.ts";
import { registeredBundle } from "../integration/support/webhook-process.ts";
import { CRDS, deleteDefinitions } from "./support/definitions.ts";
import { foreignDefinitions } from "./support/foreign-definitions.ts";
import { CHART, Helm, type Values } from "./support/helm.ts";

let cluster: Cluster;
let helm: Helm;

/** helm waits for objects and for each of its writes: on a busy machine that adds up. Milliseconds. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

beforeAll(async () => {
  cluster = await startCluster({ audit: true });
  helm = await Helm.start(cluster.kubeconfig);
});
// What one test leaves, and be it by failing, is no other's.
afterEach(async () => {
  await helm.run(["uninstall", ...RELEASE, "--ignore-not-found", "--no-hooks", "--wait"]);
  await deleteDefinitions(cluster);
});
afterAll(async () => {
  helm?.[Symbol.dispose]();
  await cluster?.stop();
});

const RELEASE = ["podconfigmap-controller", "--namespace", "ops"];
const install = (values: Values = {}, ...flags: string[]) =>
  helm.must(["install", ...RELEASE.slice(0, 1), CHART, ...RELEASE.slice(1), "--create-namespace", ...flags], values);
const upgrade = (values: Values = {}, ...flags: string[]) =>
  helm.must(["upgrade", ...RELEASE.slice(0, 1), CHART, ...RELEASE.slice(1), ...flags], values);
const uninstall = () => helm.must(["uninstall", ...RELEASE, "--wait", "--timeout", "60s"]);

/** No node runs Pods here, so what waits for them is left out. */
const WITHOUT_JOB = { agent: { enabled: true, detachOnUninstall: false } };

/** The same with both in one process, where agent.enabled says nothing. */
const WITHOUT_HOOK = { agent: { detachOnUninstall: false } };

/** Makes namespaces in which Pods can be made; those that are there stay. */
const namespaces = async (...names: readonly string[]): Promise<void> => {
  const makeOnce = (path: string, name: string) =>
    cluster.request("POST", path, { metadata: { name } }).catch((error: unknown) => {
      if (!(error instanceof ApiStatusError && error.code === 409)) throw error;
    });
  for (const name of names) {
    await makeOnce("/api/v1/namespaces", name);
    await makeOnce(`/api/v1/namespaces/${name}/serviceaccounts`, "default");
  }
};

const KINDS = [
  ...["deployments", "daemonsets", "services", "serviceaccounts", "configmaps", "secrets", "roles", "rolebindings"],
  ...["poddisruptionbudgets", "networkpolicies", "jobs", "pods", "leases"],
  ...["clusterroles", "clusterrolebindings", "validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
  ...(isAtLeast("1.30") ? ["validatingadmissionpolicies", "validatingadmissionpolicybindings"] : []),
  "customresourcedefinitions",
];

/** Whatever there is of ours, in any namespace, but for what a namespace gets from Kubernetes. */
const ours = async (): Promise<readonly string[]> => {
  const found = await Promise.all(
    KINDS.map(async (kind) => {
      const { stdout } = await cluster.kubectl(["get", kind, "--all-namespaces", "--output", "name"]);
      return stdout.split("\n").filter((name) => /podconfig|watchers|sh\.helm/.test(name));
    }),
  );
  return found.flat().sort();
};

const IDENTITY = "system:serviceaccount:ops:podconfigmap-controller";

/** The manager as the Deployment would run it, with its account's rights. */
const startManager = async (env: Readonly<Record<string, string>> = {}): Promise<ManagerProcess> => {
  const { kubeconfig } = await cluster.addUser({ name: IDENTITY });
  const address = `127.0.0.1:${await freePort()}`;
  const settings = { WEBHOOK_ENABLED: "true", WEBHOOK_ADDR: address, LEADER_ELECTION_LOCK_NAMESPACE: "ops" };
  return ManagerProcess.start({ KUBECONFIG: kubeconfig, POD_NAMESPACE: "ops", ...settings, ...env }, []);
};

test("after install and uninstall nothing is left but the CRDs and what users made", async () => {
  const notes = await install(WITHOUT_JOB);
  expect(notes).toContain("kubectl -n ops rollout status deployment/podconfigmap-controller");
  expect(await ours()).toEqual(expect.arrayContaining(CRDS));
  // JSON: kubectl 1.29 takes YAML that begins with a brace for it.
  const kept = { apiVersion: "podconfig.example.com/v1alpha1", kind: "PodConfigMapConfig", metadata: { name: "kept" } };
  const input = JSON.stringify(kept);
  expect(await cluster.kubectl(["apply", "-f", "-"], { input })).toMatchObject({ exitCode: 0 });
  await using manager = await startManager();
  await manager.ready();
  await eventually("the CA is registered", async () => (await registeredBundle(cluster)) || undefined);
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
  await uninstall();
  await eventually("all but the CRDs is gone", async () => {
    expect(await ours()).toEqual(CRDS);
    return true;
  });
  const { stdout } = await cluster.kubectl(["get", "podconfigmapconfigs", "--output", "name"]);
  expect(stdout.trim()).toBe("podconfigmapconfig.podconfig.example.com/kept");
  // And what is left is the next release's.
  await install();
  await uninstall();
});

test("with crds.keep: false the CRDs go with the release", async () => {
  await install();
  await upgrade({ crds: { keep: false } });
  await uninstall();
  await eventually("all is gone", async () => {
    expect(await ours()).toEqual([]);
    return true;
  });
});

test("an upgrade that changes nothing writes nothing but helm's own record", async () => {
  await install(WITHOUT_JOB);
  const before = await generations();
  await upgrade(WITHOUT_JOB);
  expect(await generations()).toEqual(before);
});

/** By what is there, its version: two of it are the same if nothing wrote in between. Objects that controllers write are by generation. */
const generations = async (): Promise<Readonly<Record<string, string>>> => {
  const { stdout } = await cluster.kubectl([
    "get",
    KINDS.filter((kind) => !["secrets", "pods", "leases", "configmaps"].includes(kind)).join(","),
    "--all-namespaces",
    "--selector=app.kubernetes.io/instance=podconfigmap-controller",
    "--output",
    'jsonpath={range .items[*]}{.kind}/{.metadata.name}{" "}{.metadata.generation}{" "}{.metadata.resourceVersion}{"\\n"}{end}',
  ]);
  return Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => {
        const [name = "", generation = "", version = ""] = line.split(" ");
        // Their status is written all the time.
        return /^(?:Deployment|DaemonSet|PodDisruptionBudget|Custom|ValidatingAdmissionPolicy)/.test(name)
          ? [name, generation]
          : [name, version];
      }),
  );
};

test.each([
  ["server-side", "true"],
  ["client-side", "false"],
])("upgrade and rollback leave the CA that the manager registered, %s", async (_, serverSide) => {
  const flag = `--server-side=${serverSide}`;
  await install({}, flag);
  await using manager = await startManager();
  await manager.ready();
  const bundle = await eventually("the CA is registered", async () => (await registeredBundle(cluster)) || undefined);
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
  await upgrade({ webhooks: { failurePolicy: "Fail" }, extraLabels: { a: "b" } }, flag);
  expect(await registeredBundle(cluster)).toBe(bundle);
  await helm.must(["rollback", ...RELEASE, flag]);
  expect(await registeredBundle(cluster)).toBe(bundle);
  const { stdout } = await cluster.kubectl([
    "get",
    "validatingwebhookconfiguration/podconfigmap-controller",
    "--output=jsonpath={.webhooks[*].failurePolicy}",
  ]);
  expect(stdout).toBe("Ignore Ignore");
  await uninstall();
});

test("CRDs of kubectl apply are adopted when that is asked for, and refused otherwise", async () => {
  const folder = new URL("../../../../crd", import.meta.url).pathname;
  expect(await cluster.kubectl(["apply", "-f", folder])).toMatchObject({ exitCode: 0 });
  await expect(install()).rejects.toThrow(/cannot be imported into the current release/);
  // As chart/README.md says.
  await upgrade({}, "--install", "--create-namespace", "--take-ownership", "--force-conflicts");
  const crd = await cluster.kubectl(["get", CRDS[0] ?? "", "--output=jsonpath={.metadata.labels}"]);
  expect(crd.stdout).toContain('"app.kubernetes.io/managed-by":"Helm"');
  await uninstall();
  expect(await ours()).toEqual(CRDS);
});

test("CRDs that another release has left are adopted when that is asked for, and refused otherwise", async () => {
  await install();
  await uninstall();
  const other = ["another-name", CHART, "--namespace", "elsewhere", "--create-namespace"];
  onTestFinished(async () => {
    await helm.run(["uninstall", "another-name", "--namespace", "elsewhere", "--no-hooks", "--wait"]);
  });
  await expect(helm.must(["install", ...other])).rejects.toThrow(/cannot be imported into the current release/);
  // As docs/how-to/upgrade.md says.
  await helm.must(["upgrade", "--install", ...other, "--take-ownership", "--force-conflicts"]);
  const owner = "--output=jsonpath={.metadata.annotations.meta\\.helm\\.sh/release-namespace}";
  for (const crd of CRDS) expect((await cluster.kubectl(["get", crd, owner])).stdout).toBe("elsewhere");
});

test.each([
  ["server-side", "true"],
  ["client-side", "false"],
])("from several replicas to one that elects nobody, and back, %s", async (_, serverSide) => {
  const flag = `--server-side=${serverSide}`;
  const strategy = async () => {
    const format = "--output=jsonpath={.spec.strategy.type}";
    const args = ["get", "deployment", "podconfigmap-controller", "--namespace", "ops", format];
    return (await cluster.kubectl(args)).stdout;
  };
  await install({}, flag);
  await upgrade({ replicas: 1, settings: { leaderElectionEnabled: false } }, flag);
  expect(await strategy()).toBe("Recreate");
  // Without any value helm would take those of before.
  await upgrade({ replicas: 2 }, flag);
  expect(await strategy()).toBe("RollingUpdate");
});

const AGENTS = "podconfigmap-controller-agent";

/** Has a DaemonSet's Pods detach, as `pcmc uninstall --agents-only` does, and leaves it so. */
const detach = async (name: string): Promise<void> => {
  const where = ["daemonset", name, "--namespace", "ops"];
  const patch = detachPatch(JSON.parse((await cluster.kubectl(["get", ...where, "--output=json"])).stdout));
  const args = ["patch", ...where, "--type=strategic", "--patch", JSON.stringify(patch)];
  expect(await cluster.kubectl(args)).toMatchObject({ exitCode: 0 });
};

const daemonSets = async () => {
  const { stdout } = await cluster.kubectl(["get", "daemonsets", "--namespace", "ops", "--output=name"]);
  return stdout.split("\n").filter(Boolean);
};

/** Not empty: without any value helm takes those of before. */
const WITHOUT_AGENTS = { role: "manager", agent: { enabled: false } };

test.each<readonly [string, Values, name: string]>([
  ["agents", WITHOUT_JOB, AGENTS],
  ["both in one process", { role: "all", ...WITHOUT_HOOK }, "podconfigmap-controller"],
])("an upgrade without agents from %s is refused until these have detached", async (_, values, name) => {
  await install(values);
  await expect(upgrade(WITHOUT_AGENTS)).rejects.toThrow(
    new RegExp(`DaemonSet ${name} .*\`pcmc uninstall --agents-only\`.*upgrade.md#agents-off-or-off-some-nodes`),
  );
  expect(await daemonSets()).toEqual([`daemonset.apps/${name}`]);
  await detach(name);
  await upgrade(WITHOUT_AGENTS);
  expect(await daemonSets()).toEqual([]);
});

test("an upgrade without agents is refused no more when their DaemonSet was deleted", async () => {
  await install(WITHOUT_JOB);
  expect(await cluster.kubectl(["delete", "daemonset", AGENTS, "--namespace", "ops"])).toMatchObject({ exitCode: 0 });
  await upgrade(WITHOUT_AGENTS);
  expect(await daemonSets()).toEqual([]);
});

test("agents that stay, in this process or another, and those of kubectl are in no upgrade's way", async () => {
  await install(WITHOUT_JOB);
  await upgrade({ role: "all", ...WITHOUT_HOOK });
  await upgrade({ role: "manager", ...WITHOUT_JOB });
  await detach(AGENTS);
  await upgrade(WITHOUT_AGENTS);
  const manifest = (
    await helm.must(["template", "another", CHART, "--show-only", "templates/agent-daemonset.yaml"], {
      agent: { enabled: true },
    })
  ).replace("namespace: default", "namespace: ops");
  expect(await cluster.kubectl(["apply", "-f", "-"], { input: manifest })).toMatchObject({ exitCode: 0 });
  onTestFinished(async () => {
    await cluster.kubectl(["delete", "daemonset", AGENTS, "--namespace", "ops", "--ignore-not-found"]);
  });
  await upgrade({ ...WITHOUT_AGENTS, replicas: 3 });
  expect(await daemonSets()).toEqual([`daemonset.apps/${AGENTS}`]);
});

/** What the notes give to `kubectl apply`, as a shell would. */
const manifestOf = (notes: string): string =>
  /^kubectl apply -f - <<'EOF'\n(?<manifest>.*?)^EOF$/ms.exec(notes)?.groups?.manifest ?? "";

test("what the notes say to apply can be applied, whatever the values are", async () => {
  await namespaces("shop");
  const first: readonly Values[] = [{}, { watchNamespaces: ["shop"] }, { role: "all", ...WITHOUT_HOOK }];
  for (const values of first) {
    const notes = await upgrade(values, "--install", "--create-namespace");
    await cluster.kubectl(["wait", "--for=condition=Established", ...CRDS, "--timeout=30s"]);
    const applied = await cluster.kubectl(["apply", "-f", "-"], { input: manifestOf(notes) });
    expect([values, applied.exitCode, applied.stderr]).toEqual([values, 0, expect.not.stringContaining("error")]);
    const where = "watchNamespaces" in values ? "shop" : "default";
    const config = ["podconfigmapconfig/first", "--namespace", where];
    expect(await cluster.kubectl(["delete", ...config])).toMatchObject({ exitCode: 0 });
  }
});

/** What the manager has asked for from now on. */
const requestsFromNow = () => {
  const since = new Date().toISOString();
  return async () =>
    (await cluster.auditEvents()).filter(
      ({ user, requestReceivedTimestamp }) => user.username === IDENTITY && requestReceivedTimestamp > since,
    );
};

test("with certificates of cert-manager the manager is refused nothing that it asks for", async () => {
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: foreignDefinitions });
  expect(await cluster.kubectl(["apply", "-f", "-"], { input })).toMatchObject({ exitCode: 0 });
  await install({ webhooks: { certManager: { enabled: true } } });
  const asked = requestsFromNow();
  // Until the volume is filled, as with a Certificate that is not issued yet.
  await using manager = await startManager({ WEBHOOK_CERT_DIR: "/nonexistent" });
  const looksAt = (resource: string) =>
    eventually(`it looks at ${resource}`, async () =>
      (await asked()).some(
        ({ objectRef, responseStatus }) => objectRef?.resource === resource && responseStatus?.code === 200,
      ),
    );
  for (const kind of ["validatingwebhookconfigurations", "mutatingwebhookconfigurations", "leases"])
    await looksAt(kind);
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
  expect((await asked()).filter(({ responseStatus }) => responseStatus?.code === 403)).toEqual([]);
  expect((await asked()).filter(({ objectRef }) => objectRef?.resource === "secrets")).toEqual([]);
});

test("in per-namespace mode the manager works by the Roles of these namespaces, and leaves no trace there", async () => {
  await namespaces("shop", "pay");
  await install({ watchNamespaces: ["shop", "pay"], webhooks: { enabled: false }, rbac: { aggregate: false } });
  expect((await ours()).filter((name) => name.startsWith("clusterrole"))).toEqual([]);
  const asked = requestsFromNow();
  await using manager = await startManager({ WATCH_NAMESPACES: "shop,pay", WEBHOOK_ENABLED: "false" });
  await manager.ready();
  for (const name of ["shop", "pay"]) {
    const namespace = new Namespace(cluster, name);
    await namespace.createPod("web", { labels: { app: "web" } });
    await namespace.createConfig("app", { labelsToInclude: ["app"] });
    await namespace.ready("app", { status: "True" });
    const { data } = await namespace.get("configmaps", "pod-web-from-app-cfg");
    expect(data).toMatchObject({ label_app: "web" });
    await namespace.remove("podconfigmapconfigs", "app");
    await namespace.remove("pods", "web");
    await eventually("the ConfigMap goes", () => namespace.lacks("configmaps", "pod-web-from-app-cfg"));
  }
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
  expect(await asked()).not.toEqual([]);
  expect((await asked()).filter(({ responseStatus }) => responseStatus?.code === 403)).toEqual([]);
  await uninstall();
  await eventually("all but the CRDs is gone", async () => {
    expect(await ours()).toEqual(CRDS);
    return true;
  });
});
