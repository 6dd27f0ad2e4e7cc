/*
 * Invariants:
 * - What is as it should be causes no write.
 * - What is not ours is never written or deleted; what is ours is put back, without taking anything from others.
 * - Deletes and updates name the object that was judged.
 */
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { describe, expect, test } from "vitest";
import { hashedName, labelValueOf } from "../../src/podconfigmap/names.ts";
import { config, Namespace, podView } from "./fixtures.ts";

const NAME = "pod-web-0-from-basic-cfg";
const GENERATED_BY = "podconfig.example.com/generated-by-pcmc";
const POD_UID = "podconfig.example.com/pod-uid";

/** A namespace with one Pod and one PodConfigMapConfig, settled. */
const settled = (spec: unknown = {}) => {
  const namespace = new Namespace({ pods: [podView()], configs: [config("basic", spec)] });
  namespace.converge();
  return namespace;
};

const withMetadata = (configMap: ConfigMap, metadata: ConfigMap["metadata"]): ConfigMap => ({
  ...configMap,
  metadata: { ...configMap.metadata, ...metadata },
});

const types = (namespace: Namespace, pod = "web-0") => namespace.actions(pod).map(({ type }) => type);

/** The object without what the API server writes. */
const stored = (namespace: Namespace, name = NAME) => {
  const { metadata: { uid: _uid, resourceVersion: _version, ...metadata } = {}, ...rest } =
    namespace.configMaps.get(name) ?? {};
  return { ...rest, metadata };
};

test("a new Pod's ConfigMap has name, labels, ownerReference and data of the contract", () => {
  expect(stored(settled())).toEqual({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: NAME,
      namespace: "shop",
      labels: { [GENERATED_BY]: "basic", [POD_UID]: "uid-of-web-0" },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "web-0", uid: "uid-of-web-0" }],
    },
    data: expect.objectContaining({ podName: "web-0" }),
  });
});

test("a PodConfigMapConfig name of more than 63 characters is hashed in the label and whole in the annotation", () => {
  const long = "c".repeat(64);
  const namespace = new Namespace({ pods: [podView()], configs: [config(long)] });
  namespace.converge();
  const { metadata } = stored(namespace, `pod-web-0-from-${long}-cfg`);
  expect(metadata?.labels?.[GENERATED_BY]).toBe(labelValueOf(long));
  expect(metadata?.annotations).toEqual({ [GENERATED_BY]: long });
});

test("a name of more than 253 characters is hashed", () => {
  const pod = "p".repeat(250);
  const namespace = new Namespace({ pods: [podView({ name: pod })], configs: [config("basic")] });
  namespace.converge();
  expect([...namespace.configMaps.keys()]).toEqual([hashedName({ pod, pcmc: "basic" })]);
});

test("nothing is written where nothing differs", () => {
  expect(settled().actions("web-0")).toEqual([]);
});

describe("what was changed by hand is put back", () => {
  const edits: readonly [string, (configMap: ConfigMap) => ConfigMap][] = [
    ["a value", (c) => ({ ...c, data: { ...c.data, podName: "other" } })],
    ["an extra data key", (c) => ({ ...c, data: { ...c.data, extra: "1" } })],
    ["a missing data key", (c) => ({ ...c, data: {} })],
    ["no data at all", ({ data: _, ...c }) => c],
    ["binaryData", (c) => ({ ...c, binaryData: { extra: "MQ==" } })],
    ["stripped labels", (c) => withMetadata(c, { labels: {} })],
    ["a wrong label", (c) => withMetadata(c, { labels: { ...c.metadata?.labels, [GENERATED_BY]: "other" } })],
    ["a stripped ownerReference", (c) => withMetadata(c, { ownerReferences: [] })],
    [
      "an ownerReference that became a controller",
      (c) =>
        withMetadata(c, {
          ownerReferences: (c.metadata?.ownerReferences ?? []).map((owner) => ({ ...owner, controller: true })),
        }),
    ],
  ];

  test.each(edits)("%s", (_, edit) => {
    const namespace = settled();
    const before = stored(namespace);
    namespace.edit(NAME, edit);
    expect(types(namespace)).toEqual(["update"]);
    namespace.reconcile("web-0");
    expect(stored(namespace)).toEqual(before);
    expect(namespace.actions("web-0")).toEqual([]);
  });

  test("a deleted ConfigMap", () => {
    const namespace = settled();
    namespace.configMaps.delete(NAME);
    expect(types(namespace)).toEqual(["create"]);
  });

  test("an annotation that stood for a hashed label", () => {
    const long = "c".repeat(64);
    const namespace = new Namespace({ pods: [podView()], configs: [config(long)] });
    namespace.converge();
    namespace.edit(`pod-web-0-from-${long}-cfg`, (c) => withMetadata(c, { annotations: {} }));
    expect(types(namespace)).toEqual(["update"]);
  });

  test("immutable: deleted and made again, with what others had added to labels and annotations", () => {
    const namespace = settled();
    const { uid, resourceVersion } = namespace.existing(NAME)?.metadata ?? {};
    namespace.edit(NAME, (c) =>
      withMetadata({ ...c, immutable: true }, { labels: { ...c.metadata?.labels, theirs: "1" } }),
    );
    expect(namespace.actions("web-0")).toMatchObject([
      { type: "recreate", reason: "Immutable", preconditions: { uid } },
    ]);
    expect(namespace.actions("web-0")).not.toMatchObject([{ preconditions: { resourceVersion } }]);
    namespace.reconcile("web-0");
    expect(namespace.configMaps.get(NAME)?.immutable).toBeUndefined();
    expect(stored(namespace).metadata?.labels).toMatchObject({ theirs: "1" });
    expect(namespace.actions("web-0")).toEqual([]);
  });
});

test("labels, annotations, ownerReferences and finalizers of others stay, and are no difference", () => {
  const namespace = settled();
  const theirs = { apiVersion: "v1", kind: "Secret", name: "s", uid: "u" };
  namespace.edit(NAME, (c) =>
    withMetadata(c, {
      labels: { ...c.metadata?.labels, team: "a" },
      annotations: { note: "b" },
      ownerReferences: [theirs, ...(c.metadata?.ownerReferences ?? [])],
      finalizers: ["example.com/f"],
    }),
  );
  expect(namespace.actions("web-0")).toEqual([]);
  const before = stored(namespace);
  namespace.edit(NAME, (c) => ({ ...c, data: {} }));
  namespace.reconcile("web-0");
  expect(stored(namespace)).toEqual(before);
});

describe("a ConfigMap of that name that is not ours", () => {
  const foreign: readonly [string, ConfigMap["metadata"]][] = [
    ["without any mark", {}],
    [
      "with another Pod's UID in labels and ownerReference",
      {
        labels: { [GENERATED_BY]: "basic", [POD_UID]: "x" },
        ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "other", uid: "x" }],
      },
    ],
    ["with a former Pod's UID in its labels alone", { labels: { [GENERATED_BY]: "basic", [POD_UID]: "former" } }],
    ["with the label of the PodConfigMapConfig alone", { labels: { [GENERATED_BY]: "basic" } }],
  ];

  test.each(foreign)("%s is left untouched and reported", (_, metadata) => {
    const namespace = new Namespace({ pods: [podView()], configs: [config("basic")] });
    namespace.put({ metadata: { ...metadata, name: NAME }, data: { theirs: "1" } });
    const before = namespace.configMaps.get(NAME);
    expect(namespace.reconcile("web-0")).toMatchObject([{ type: "conflict", pcmc: "basic", name: NAME }]);
    expect(namespace.configMaps.get(NAME)).toBe(before);
  });
});

describe("a Pod of the same name with a new UID", () => {
  test("gets a new ConfigMap in place of the former Pod's, without its leavings", () => {
    const namespace = settled();
    namespace.edit(NAME, (c) => withMetadata(c, { labels: { ...c.metadata?.labels, theirs: "1" } }));
    namespace.pods.set("web-0", podView({ uid: "new" }));
    const { uid, resourceVersion } = namespace.existing(NAME)?.metadata ?? {};
    expect(namespace.actions("web-0")).toMatchObject([
      { type: "recreate", reason: "FormerPod", preconditions: { uid, resourceVersion } },
    ]);
    namespace.reconcile("web-0");
    expect(stored(namespace).metadata?.labels).toEqual({ [GENERATED_BY]: "basic", [POD_UID]: "new" });
    expect(namespace.actions("web-0")).toEqual([]);
  });

  test("that is not selected any more leaves nothing of the former Pod", () => {
    const namespace = settled({ podSelector: { matchLabels: { app: "web" } } });
    namespace.pods.set("web-0", podView({ uid: "new", labels: {} }));
    expect(types(namespace)).toEqual(["delete"]);
  });
});

describe("a ConfigMap is deleted, with the UID and resourceVersion that were judged,", () => {
  const expectDelete = (namespace: Namespace) => {
    const { uid, resourceVersion } = namespace.existing(NAME)?.metadata ?? {};
    expect(namespace.actions("web-0")).toEqual([
      { type: "delete", pcmc: "basic", name: NAME, preconditions: { uid, resourceVersion } },
    ]);
  };

  test("when its PodConfigMapConfig goes", () => {
    const namespace = settled();
    namespace.configs.clear();
    expectDelete(namespace);
  });

  test("when the Pod's labels no longer match", () => {
    const namespace = settled({ podSelector: { matchLabels: { app: "web" } } });
    namespace.pods.set("web-0", podView({ labels: { app: "db" } }));
    expectDelete(namespace);
  });

  test("when its Pod is gone", () => {
    const namespace = settled();
    namespace.pods.clear();
    expectDelete(namespace);
  });

  test.each([
    ["a label", { labels: { [POD_UID]: "uid-of-web-0" } }],
    ["the ownerReference", { ownerReferences: [] }],
  ])("but not when %s does not agree", (_, metadata) => {
    const namespace = settled();
    namespace.edit(NAME, (c) => withMetadata(c, metadata));
    namespace.configs.clear();
    expect(namespace.actions("web-0")).toEqual([]);
  });

  test("but not when its name does not agree", () => {
    const namespace = settled();
    const copy = namespace.configMaps.get(NAME)?.metadata ?? {};
    namespace.put({ metadata: { ...copy, name: "a-copy", uid: "copy" } });
    expect(namespace.actions("web-0")).toEqual([]);
  });
});

describe("what exists stays as it is", () => {
  const unreadable = { podSelector: { matchExpressions: [{ key: "app", operator: "Like" }] } };

  test.each([
    [
      "the Pod is terminating",
      (n: Namespace) => n.pods.set("web-0", podView({ deletionTimestamp: "2026-01-01T00:00:00Z" })),
    ],
    ["the selector cannot be read", (n: Namespace) => n.configs.set("basic", config("basic", unreadable))],
    [
      "a template cannot be rendered",
      (n: Namespace) => n.configs.set("basic", config("basic", { configMapDataTemplate: { a: "x" } })),
    ],
    [
      "the data is too large",
      (n: Namespace) => {
        n.configs.set("basic", config("basic", { annotationsToInclude: ["a"] }));
        n.pods.set("web-0", podView({ annotations: { a: "x".repeat(2 ** 20) } }));
      },
    ],
  ])("when %s", (_, change) => {
    const namespace = settled();
    namespace.edit(NAME, (c) => ({ ...c, data: { stale: "1" } }));
    change(namespace);
    expect(namespace.actions("web-0")).toEqual([]);
  });

  test("when the selector cannot be read, be it a former Pod's", () => {
    const namespace = settled();
    namespace.configs.set("basic", config("basic", unreadable));
    namespace.pods.set("web-0", podView({ uid: "new" }));
    expect(namespace.actions("web-0")).toEqual([]);
  });

  test("and a ConfigMap that is being deleted is waited for", () => {
    const namespace = settled();
    namespace.edit(NAME, (c) => withMetadata({ ...c, data: {} }, { deletionTimestamp: "2026-01-01T00:00:00Z" }));
    expect(types(namespace)).toEqual(["wait"]);
    namespace.configs.clear();
    expect(types(namespace)).toEqual([]);
  });
});
