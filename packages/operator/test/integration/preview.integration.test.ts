/*
 * `pcmc preview` against a real API server.
 *
 * Invariants:
 * - It tells what the controller would do, and does nothing: once that is done, there is no difference left.
 * - Exit code 1 where a Pod would fail, 2 with one line where the cluster cannot be asked.
 */
import { freePort } from "@pcmc/devcluster";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { expect, test, vi } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { readYaml } from "../../src/cli/input/read-yaml.ts";
import { plainConfigMap } from "../../src/cli/preview/configmap-text.ts";
import { BIN, Folder } from "../cli/support.ts";
import type { Namespace } from "./support/namespace.ts";
import { expectExact } from "./support/oracle.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();

const configText = (name: string, spec: object, namespace?: string): string =>
  stringify({
    apiVersion: "podconfig.example.com/v1alpha1",
    kind: "PodConfigMapConfig",
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    spec,
  });

const preview = async (text: string, args: string, kubeconfig = world.cluster.kubeconfig) =>
  (await Folder.with({ "c.yaml": text })).run(`preview -f ./c.yaml ${args}`.trim(), {
    env: { KUBECONFIG: kubeconfig },
  });

const documents = (stdout: string): ConfigMap[] => parseAllDocuments(stdout).map((document) => document.toJS());

const generated = async (namespace: Namespace): Promise<ConfigMap[]> =>
  (await namespace.list("configmaps"))
    .filter(({ metadata }) => metadata.name !== "kube-root-ca.crt")
    .map(plainConfigMap);

const byName = (configMaps: readonly ConfigMap[]) =>
  configMaps.toSorted((a, b) => ((a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1));

const SPEC = { podSelector: { matchLabels: { app: "web" } }, labelsToInclude: ["app", "tier"] };

/** Three Pods, of which `SPEC` selects two. */
const withPods = async (): Promise<Namespace> => {
  const namespace = await world.namespace();
  await namespace.createPod("web-0", { labels: { app: "web", tier: "on" } });
  await namespace.createPod("web-1", { labels: { app: "web" }, nodeName: "node-1" });
  await namespace.createPod("db-0", { labels: { app: "db" } });
  return namespace;
};

test("what it prints is what the controller then makes, and after that there is no difference", async () => {
  const namespace = await withPods();
  const text = configText("app", SPEC);
  const before = await preview(text, `-n ${namespace.name}`);
  expect([before.code, before.stderr]).toEqual([0, ""]);
  expect(await generated(namespace)).toEqual([]);
  await namespace.createConfig("app", SPEC);
  world.manage(namespace);
  await namespace.settled("app");
  await expectExact(namespace);
  expect(byName(documents(before.stdout))).toEqual(byName(await generated(namespace)));
  expect(await preview(text, `-n ${namespace.name} --diff`)).toEqual({ code: 0, stdout: "", stderr: "" });
  expect((await preview(text, `-n ${namespace.name}`)).stdout).toBe(before.stdout);
});

test("a diff shows what would be made, changed and deleted, and what others added stays", async () => {
  const namespace = await withPods();
  await namespace.createConfig("app", SPEC);
  const manager = world.manage(namespace);
  await namespace.settled("app");
  await manager.stop();
  await namespace.patch("configmaps", "pod-web-0-from-app-cfg", { metadata: { labels: { mine: "yes" } } });
  const spec = { podSelector: { matchExpressions: [{ key: "tier", operator: "Exists" }] }, labelsToInclude: ["app"] };
  await namespace.createPod("new", { labels: { tier: "x" } });
  const { code, stdout, stderr } = await preview(configText("app", spec), `-n ${namespace.name} --diff`);
  expect([code, stderr]).toEqual([0, ""]);
  const path = (name: string) => `${namespace.name}/pod-${name}-from-app-cfg`;
  expect(stdout.split("\n").filter((line) => /^([-+]{3} |[-+] *(label_|mine|podName))/.test(line))).toEqual([
    "--- /dev/null",
    `+++ preview/${path("new")}`,
    "+  podName: new",
    `--- live/${path("web-0")}`,
    `+++ preview/${path("web-0")}`,
    '-  label_tier: "on"',
    `--- live/${path("web-1")}`,
    "+++ /dev/null",
    "-  label_app: web",
    "-  podName: web-1",
  ]);
  const plain = await preview(configText("app", spec), `-n ${namespace.name}`);
  expect(plain.stderr).toBe("note: to be deleted: pod-web-1-from-app-cfg; --diff shows more\n");
  expect(plain.stdout).toContain('mine: "yes"');
});

test("a diff is coloured at a terminal, or where it is asked for, unless NO_COLOR says no", async () => {
  const namespace = await withPods();
  const folder = await Folder.with({ "c.yaml": configText("app", SPEC) });
  const isColored = async (flag: string, around: { isTerminal: boolean; env?: Record<string, string> }) => {
    const env = { KUBECONFIG: world.cluster.kubeconfig, ...around.env };
    const { stdout } = await folder.run(`preview -f ./c.yaml -n ${namespace.name} --diff${flag}`, { ...around, env });
    return stdout.includes("\u001b[32m+");
  };
  expect(await isColored("", { isTerminal: true })).toBe(true);
  expect(await isColored("", { isTerminal: false })).toBe(false);
  expect(await isColored("", { isTerminal: true, env: { NO_COLOR: "1" } })).toBe(false);
  expect(await isColored(" --color=always", { isTerminal: false, env: { NO_COLOR: "1" } })).toBe(true);
  expect(await isColored(" --color=never", { isTerminal: true })).toBe(false);
});

test("templates see the Pods as the API server has them, and one that fails is its Pod's failure", async () => {
  const namespace = await withPods();
  const { metadata } = await namespace.get("pods", "web-0");
  const configMapDataTemplate = {
    uid: "{{ .metadata.uid }} {{ .status.phase }} {{ .spec.dnsPolicy }} {{ hasKey .metadata `managedFields` }}",
    tier: "{{ .labels.tier }}",
  };
  const { code, stdout, stderr } = await preview(
    configText("app", { ...SPEC, configMapDataTemplate }),
    `-n ${namespace.name}`,
  );
  expect(code).toBe(1);
  expect(documents(stdout).map(({ data }) => data)).toEqual([
    expect.objectContaining({ uid: `${metadata.uid} Pending ClusterFirst false`, tier: "on" }),
  ]);
  expect(stderr).toMatch(/^Pod test-\d+\/web-1, PodConfigMapConfig app: tier:1:\d+: .*"tier" \(.*c\.yaml:\d+:\d+\)$/m);
});

test("names that two pairs would share are chosen as the controller does, with what the cluster holds", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("a-from-b");
  await namespace.createConfig("c");
  world.manage(namespace);
  await namespace.settled("c");
  await namespace.createPod("a");
  const text = configText("b-from-c", {});
  const { stdout } = await preview(text, `-n ${namespace.name}`);
  await namespace.createConfig("b-from-c");
  await namespace.settled("b-from-c");
  await expectExact(namespace);
  const made = (await generated(namespace)).filter(
    ({ metadata }) => metadata?.labels?.["podconfig.example.com/generated-by-pcmc"] === "b-from-c",
  );
  expect(byName(documents(stdout))).toEqual(byName(made));
});

test("a foreign ConfigMap in the way is that Pod's failure, and the others are shown", async () => {
  const namespace = await withPods();
  await namespace.create("configmaps", { metadata: { name: "pod-web-0-from-app-cfg" }, data: { theirs: "x" } });
  const { code, stdout, stderr } = await preview(configText("app", SPEC), `-n ${namespace.name}`);
  expect(code).toBe(1);
  expect(documents(stdout).map(({ metadata }) => metadata?.name)).toEqual(["pod-web-1-from-app-cfg"]);
  expect(stderr).toMatch(/^Pod test-\d+\/web-0, PodConfigMapConfig app: ConfigMap pod-web-0-from-app-cfg exists .*\n$/);
});

test("the namespace is the file's own, or that of the context", async () => {
  const namespace = await withPods();
  const own = await preview(configText("app", SPEC, namespace.name), "");
  expect(documents(own.stdout)).toHaveLength(2);
  const other = await preview(configText("app", SPEC), "");
  expect([other.code, other.stdout]).toEqual([0, ""]);
  expect(other.stderr).toBe(
    "note: PodConfigMapConfig app makes no ConfigMap: it selects no live Pod of namespace default (0)\n",
  );
});

test("Pods of -f are passed over where a namespace is asked for", async () => {
  const namespace = await withPods();
  const text = `${configText("app", SPEC)}---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, labels: {app: web}}\n`;
  const { stdout, stderr } = await preview(text, `-n ${namespace.name}`);
  expect(documents(stdout)).toHaveLength(2);
  expect(stderr).toBe("note: Pods of -f are passed over, those of the cluster count: x; to preview them, give --pod\n");
});

test("a cluster that does not allow it, or is not there, is told in one line with exit code 2", async () => {
  const { kubeconfig } = await world.cluster.addUser({ name: "nobody" });
  const forbidden = await preview(configText("app", SPEC), "-n default", kubeconfig);
  expect([forbidden.code, forbidden.stdout]).toEqual([2, ""]);
  expect(forbidden.stderr).toMatch(/^.*forbidden: User "nobody" cannot list resource .*\n$/);
  const server = `https://127.0.0.1:${await freePort()}`;
  const folder = await Folder.with({
    "c.yaml": configText("app", SPEC),
    config: world.cluster.kubeconfigYaml.replaceAll(world.cluster.server, server),
  });
  const away = await folder.run("preview -f ./c.yaml -n default --kubeconfig ./config");
  expect([away.code, away.stdout]).toEqual([2, ""]);
  expect(away.stderr).toMatch(new RegExp(`^cannot reach the API server ${server}: .*ECONNREFUSED.*\n$`));
});

test("--context picks one of the kubeconfig; one that is not there is told", async () => {
  const namespace = await withPods();
  const parsed = parseAllDocuments(world.cluster.kubeconfigYaml)[0]?.toJS();
  const [context] = parsed.contexts;
  const contexts = [...parsed.contexts, { name: "there", context: { ...context.context, namespace: namespace.name } }];
  const folder = await Folder.with({ "c.yaml": configText("app", SPEC), config: stringify({ ...parsed, contexts }) });
  const there = await folder.run("preview -f ./c.yaml --kubeconfig ./config --context there");
  expect(documents(there.stdout)).toHaveLength(2);
  const none = await folder.run("preview -f ./c.yaml --context none", { env: { KUBECONFIG: `${folder.path}/config` } });
  expect(none.code).toBe(2);
  expect(none.stderr).toMatch(/^kubeconfig .*, context none: no such context; contexts: .*\n$/);
});

test("kubectl runs it as a plugin, and takes what it prints", async () => {
  const namespace = await withPods();
  vi.stubEnv("PATH", `${BIN}:${process.env.PATH}`);
  const folder = await Folder.with({ "c.yaml": configText("app", SPEC) });
  const args = ["pcmc", "preview", "-f", `${folder.path}/c.yaml`, "-n", namespace.name];
  const plugin = await world.cluster.kubectl(args);
  expect(plugin).toMatchObject({ exitCode: 0, stderr: "" });
  const created = await world.cluster.kubectl(["create", "--dry-run=server", "-o", "yaml", "-f", "-"], {
    input: plugin.stdout,
  });
  expect(created).toMatchObject({ exitCode: 0, stderr: "" });
  expect(documents(created.stdout).map(plainConfigMap)).toEqual(documents(plugin.stdout));
  const completed = await world.cluster.kubectl(["__complete", "pcmc", "preview", "-o", ""]);
  expect(completed.stdout).toBe("yaml\njson\n:4\n");
  vi.unstubAllEnvs();
});

test("scalars mean what they mean to kubectl", async () => {
  const scalars = [
    "y",
    "Y",
    "yes",
    "on",
    "On",
    "off",
    "n",
    "No",
    "TrUe",
    "~",
    "null",
    "NULL",
    "Null",
    "0777",
    "0o17",
    "08",
  ];
  const numbers = [
    "1_000",
    "0x1F",
    "0b11",
    "-0x1",
    "+1",
    "1e3",
    ".5",
    "+.5",
    "1.",
    "1.0",
    "0.1e1",
    "9223372036854775807",
  ];
  const texts = ["12:30:45", "2001-12-14", "2001-12-14T10:00:00Z", "'on'", "!!str 5", "1.2.3", "1e", "0xg", "=", "v1"];
  const text = `apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {a: [${[...scalars, ...numbers, ...texts].join(", ")}]}\n`;
  const { stdout } = await world.cluster.kubectl(["label", "--local", "-f", "-", "-o", "json", "a=b"], { input: text });
  const spec = (object: unknown) =>
    JSON.stringify(Object(object).spec, (_key, value) => (typeof value === "bigint" ? `${value}` : value));
  const exact = stdout.replace("9223372036854775807", '"9223372036854775807"');
  expect(spec(readYaml("x", text).manifests[0]?.value)).toBe(spec(JSON.parse(exact)));
});
