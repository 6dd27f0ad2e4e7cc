/*
 * configMapDataTemplate, rendered by the controller, on a real API server.
 *
 * Invariants:
 * - A ConfigMap has all of its templates' keys or is as it was: never a half one.
 * - What fails is said with Pod, key, line and column; other Pods and other PodConfigMapConfigs go on.
 * - No template renders from a Pod of which less is known than it reads.
 * - What a template does not read makes no write.
 */
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import type { Namespace } from "./support/namespace.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld({ controllerManager: false, audit: true });

const dataOf = async (namespace: Namespace, name: string): Promise<ConfigMap["data"]> =>
  (await namespace.get("configmaps", name)).data;

const eventuallyData = (namespace: Namespace, name: string, expected: Readonly<Record<string, string>>) =>
  eventually(`${name} has ${JSON.stringify(expected)}`, async () => {
    const data = await dataOf(namespace, name);
    expect(data).toMatchObject(expected);
    return true;
  });

const setIp = (namespace: Namespace, pod: string, podIP: string) =>
  world.cluster.request(
    "PATCH",
    `/api/v1/namespaces/${namespace.name}/pods/${pod}/status`,
    { status: { podIP, podIPs: [{ ip: podIP }] } },
    { contentType: "application/merge-patch+json" },
  );

test("adds rendered keys to the default ones, and wins over one of the same name", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web", { labels: { app: "shop" } });
  await namespace.createConfig("t", {
    configMapDataTemplate: {
      "app.conf": "name={{ .podName }}\nby={{ .pcmc.name }}\napp={{ .labels.app | upper }}\n",
      phase: "is {{ .phase }}",
    },
  });
  world.manage(namespace);
  await namespace.ready("t", { status: "True" });
  expect(await dataOf(namespace, "pod-web-from-t-cfg")).toEqual({
    podName: "web",
    namespace: namespace.name,
    nodeName: "",
    phase: "is Pending",
    ebpf_enabled: "false",
    "app.conf": "name=web\nby=t\napp=SHOP\n",
  });
});

test("reads fields that were not cached before, of Pods that were there before", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("plain");
  world.manage(namespace);
  await namespace.ready("plain", { status: "True" });

  const template = "{{ range .spec.containers }}{{ .name }}={{ .image }};{{ end }}{{ .metadata.uid }}";
  const { metadata } = await namespace.get("pods", "web");
  await namespace.createConfig("wide", { configMapDataTemplate: { containers: template } });
  await namespace.ready("wide", { status: "True" });
  expect(await dataOf(namespace, "pod-web-from-wide-cfg")).toMatchObject({
    containers: `main=example.com/never-pulled;${metadata.uid}`,
  });
});

test("takes the whole Pod, as the API has it, where it cannot be said what a template reads", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("all", { configMapDataTemplate: { pod: "{{ toJson .spec }}", root: "{{ toJson . }}" } });
  world.manage(namespace);
  await namespace.ready("all", { status: "True" });
  const { spec, metadata } = await namespace.get("pods", "web");
  const data = await dataOf(namespace, "pod-web-from-all-cfg");
  expect(JSON.parse(data?.pod ?? "")).toEqual(spec);
  const { managedFields: _managedFields, ...kept } = metadata;
  const root = JSON.parse(data?.root ?? "");
  expect(root.metadata).toEqual(kept);
  expect(Object.keys(root).sort()).toEqual([
    "annotations",
    "labels",
    "metadata",
    "namespace",
    "nodeName",
    "pcmc",
    "phase",
    "podName",
    "spec",
    "status",
  ]);
});

test("follows what a template reads, and makes no write for what it does not read", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("ip", { configMapDataTemplate: { ip: '{{ .status.podIP | default "none" }}' } });
  await namespace.createConfig("name", { configMapDataTemplate: { name: "{{ .metadata.name }}" } });
  await namespace.createPod("other");
  await setIp(namespace, "web", "10.0.0.1");
  await setIp(namespace, "other", "10.0.0.2");
  const manager = world.manage(namespace);
  await eventuallyData(namespace, "pod-web-from-ip-cfg", { ip: "10.0.0.1" });
  await namespace.ready("ip", { status: "True" });
  await namespace.ready("name", { status: "True" });
  const before = (await world.writes(manager)).length;

  for (let i = 0; i < 10; i++) {
    await world.cluster.request(
      "PATCH",
      `/api/v1/namespaces/${namespace.name}/pods/web/status`,
      { status: { message: `noise ${i}`, startTime: "2026-01-01T00:00:00Z" } },
      { contentType: "application/merge-patch+json" },
    );
  }
  await setIp(namespace, "web", "10.0.0.9");
  await eventuallyData(namespace, "pod-web-from-ip-cfg", { ip: "10.0.0.9" });
  const writes = (await world.writes(manager)).slice(before).map(({ verb, objectRef }) => `${verb} ${objectRef?.name}`);
  expect(writes).toEqual(["update pod-web-from-ip-cfg"]);
});

test("a Pod that fails is named with every failing key, line and column; its ConfigMap stays, others go on", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("good", { labels: { zone: "a", tier: "1" } });
  await namespace.createPod("bad", { labels: { zone: "b", tier: "2" } });
  await namespace.createConfig("t", {
    configMapDataTemplate: { fine: "{{ .podName }}", one: "zone:\n  {{ .labels.zone }}", two: "{{ .labels.tier }}" },
  });
  world.manage(namespace);
  await namespace.ready("t", { status: "True" });

  await namespace.patch("pods", "bad", { metadata: { labels: { zone: null, tier: null } } });
  const { message } = await namespace.ready("t", { status: "False", reason: "TemplateError" });
  expect(message).toMatch(/^1 of 2 Pods not up to date: bad: one:2:\d+: .*zone.*; two:1:\d+: .*tier/);
  expect(await namespace.condition("t", "TemplateFailed")).toMatchObject({ status: "True", reason: "TemplateError" });
  expect(await dataOf(namespace, "pod-bad-from-t-cfg")).toMatchObject({ fine: "bad", one: "zone:\n  b", two: "2" });

  await namespace.createPod("never", { labels: { zone: "c" } });
  await namespace.createPod("late", { labels: { zone: "d", tier: "4" } });
  await eventuallyData(namespace, "pod-late-from-t-cfg", { one: "zone:\n  d" });
  await eventually("both failing Pods are named", async () => {
    const condition = await namespace.condition("t", "Ready");
    expect(condition?.message).toMatch(/^2 of 4 Pods not up to date: bad: .*; never: two:1:/);
    return true;
  });
  expect(await namespace.lacks("configmaps", "pod-never-from-t-cfg")).toBe(true);
  expect((await namespace.get("podconfigmapconfigs", "t")).status).toMatchObject({ matched: 4, failed: 2 });

  await namespace.patch("pods", "bad", { metadata: { labels: { zone: "z", tier: "9" } } });
  await namespace.patch("pods", "never", { metadata: { labels: { tier: "9" } } });
  await namespace.ready("t", { status: "True" });
  expect(await dataOf(namespace, "pod-bad-from-t-cfg")).toMatchObject({ one: "zone:\n  z", two: "9" });
  expect(await namespace.condition("t", "TemplateFailed")).toBeUndefined();
});

test("what does not parse is said also where no Pod is selected, and mended by a new spec", async () => {
  const namespace = await world.namespace();
  await namespace.createConfig("t", {
    configMapDataTemplate: { "app.conf": "a\n{{ .podName | uper }}", other: "{{ if }}" },
  });
  world.manage(namespace);
  const { message } = await namespace.ready("t", { status: "False", reason: "TemplateError" });
  expect(message).toMatch(/app\.conf:2:\d+: .*"uper".*did you mean "upper"/);
  expect(message).toMatch(/other:1:1: /);

  await namespace.createPod("web");
  await namespace.patch("podconfigmapconfigs", "t", {
    spec: { configMapDataTemplate: { "app.conf": "{{ .podName | upper }}", other: null } },
  });
  await namespace.ready("t", { status: "True" });
  expect(await dataOf(namespace, "pod-web-from-t-cfg")).toMatchObject({ "app.conf": "WEB" });
});

test("fields with names that JavaScript objects have from birth are missing like any other", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  const names = ["constructor", "toString", "__proto__", "spec.__proto__", "metadata.__proto__.x"];
  const templates = Object.fromEntries(names.map((name, i) => [`k${i}`, `{{ .${name} }}`]));
  await namespace.createConfig("odd", { configMapDataTemplate: templates });
  await namespace.createConfig("plain", { configMapDataTemplate: { name: "{{ .podName }}" } });
  world.manage(namespace);
  await namespace.ready("plain", { status: "True" });
  const { message } = await namespace.ready("odd", { status: "False", reason: "TemplateError" });
  for (const i of names.keys()) expect(message).toMatch(new RegExp(`k${i}:1:`));
});

test("a template without end costs neither other Pods nor other PodConfigMapConfigs theirs", async () => {
  const namespace = await world.namespace();
  await namespace.createConfig("endless", {
    configMapDataTemplate: {
      loop: "{{ range untilStep 0 2000000000 1 }}{{ range untilStep 0 2000000000 1 }}{{ end }}{{ end }}",
    },
  });
  await namespace.createConfig("huge", { configMapDataTemplate: { big: '{{ repeat 2000000000 "x" }}' } });
  await namespace.createConfig("plain", { configMapDataTemplate: { name: "{{ .podName }}" } });
  world.manage(namespace);
  for (const pod of ["a", "b", "c"]) await namespace.createPod(pod);
  await namespace.ready("plain", { status: "True" });
  for (const pod of ["a", "b", "c"]) await eventuallyData(namespace, `pod-${pod}-from-plain-cfg`, { name: pod });
  for (const config of ["endless", "huge"]) {
    const { message } = await namespace.ready(config, { status: "False", reason: "TemplateError" });
    expect(message).toMatch(/^3 of 3 Pods not up to date: a: (loop|big):1:\d+: /);
    expect(await namespace.lacks("configmaps", `pod-a-from-${config}-cfg`)).toBe(true);
  }
});

test("values over 1 MiB in all are the Pod's failure, not a half ConfigMap", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("t", {
    configMapDataTemplate: { a: '{{ repeat 600000 "x" }}', b: '{{ repeat 600000 "y" }}' },
  });
  world.manage(namespace);
  await namespace.ready("t", { status: "False" });
  expect(await namespace.lacks("configmaps", "pod-web-from-t-cfg")).toBe(true);
});

test("a restart over rendered ConfigMaps makes no write", async () => {
  const namespace = await world.namespace();
  for (let i = 0; i < 10; i++) await namespace.createPod(`pod-${i}`, { labels: { n: String(i) } });
  await namespace.createConfig("t", {
    configMapDataTemplate: {
      all: "{{ toYaml .metadata.labels }}{{ range keys .labels }}{{ . }}{{ end }}{{ .spec.restartPolicy }}",
    },
  });
  const first = world.manage(namespace);
  await namespace.ready("t", { status: "True" });
  await first.stop();
  const second = world.manage(namespace, { resyncPeriod: 300 });
  await second.ready();
  const seen = await second.reconciles("pod");
  await eventually("three resyncs", async () => (await second.reconciles("pod")) >= seen + 30);
  expect(await world.writes(second)).toEqual([]);
});
