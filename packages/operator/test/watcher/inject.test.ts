/*
 * What a Pod gets. Invariants:
 * - All that a ready Watcher has comes into a Pod that asks for it, each part once and in its place.
 * - What the Pod had stays as it was, and where it was.
 * - A Watcher that cannot be injected is left out with a reason, and never keeps the Pod or the other Watchers from anything.
 * - The annotations say what the Pod has, whatever they said before.
 */
import { describe, expect, test } from "vitest";
import type { Watcher } from "../../src/api/watcher.ts";
import { inject } from "../../src/watcher/inject.ts";
import { revisionOf } from "../../src/watcher/revision.ts";
import {
  app,
  asking,
  containerNames,
  initNames,
  injectedPod,
  NATIVE,
  PLAIN,
  pod,
  readyCondition,
  watcher,
} from "./injection-fixtures.ts";
import { unusableSpecs, usableSpecs } from "./unusable-specs.ts";

const INJECTED = "watch.example.com/injected";
const REVISION = "watch.example.com/injected-revision";

describe("what comes into a Pod", () => {
  test("container, volume, pull secret, the environment of the managed ConfigMap and the annotations", () => {
    const logs = watcher("logs", {
      container: { name: "shipper", image: "shipper:1", volumeMounts: [{ name: "spool", mountPath: "/spool" }] },
      volume: { name: "spool", emptyDir: {} },
      imagePullSecrets: { name: "registry" },
    });
    const { pod: result, injected, left } = injectedPod(asking("logs"), [logs]);
    expect(result.spec).toEqual({
      containers: [app],
      initContainers: [
        {
          name: "shipper",
          image: "shipper:1",
          volumeMounts: [{ name: "spool", mountPath: "/spool" }],
          envFrom: [{ configMapRef: { name: "logs-config" } }],
          restartPolicy: "Always",
        },
      ],
      volumes: [{ name: "spool", emptyDir: {} }],
      imagePullSecrets: [{ name: "registry" }],
    });
    expect(result.metadata?.annotations).toEqual({
      "watch.example.com/inject": "logs",
      [INJECTED]: "logs",
      [REVISION]: `logs=${logs.status?.revision}`,
    });
    expect({ injected, left }).toEqual({ injected: ["logs"], left: [] });
  });

  test("the annotation has the revision that the Watcher's status tells, and what it would be where that has none", () => {
    const told = watcher("told", {}, { revision: "abc" });
    const untold = withoutRevision(watcher("untold"));
    const { pod: result } = injectedPod(asking("told,untold"), [told, untold]);
    const hash = untold.spec && revisionOf(untold.spec);
    expect(result.metadata?.annotations?.[REVISION]).toBe(`told=abc,untold=${hash}`);
  });

  test("a Pod without annotations that a selector selects gets some", () => {
    const all = watcher("all", { podSelector: {} });
    expect(injectedPod(pod(), [all]).pod.metadata?.annotations).toEqual({
      [INJECTED]: "all",
      [REVISION]: `all=${all.status?.revision}`,
    });
  });

  test("a Pod that asks for nothing is left as it is", () => {
    const only = watcher("only");
    expect(inject(pod(), [only], NATIVE)).toEqual({ patch: [], added: [], injected: [], left: [], notes: [] });
  });

  test("the environment of the ConfigMap comes after what the container has by envFrom, and once", () => {
    const other = { configMapRef: { name: "other" } };
    const own = { configMapRef: { name: "b-config" } };
    const a = watcher("a", { container: { name: "a", image: "i", envFrom: [other] } });
    const b = watcher("b", { container: { name: "b", image: "i", envFrom: [own, other] } });
    const c = watcher("c", { container: { name: "c", image: "i", envFrom: [{ ...prefixed("c-config") }] } });
    const [ofA, ofB, ofC] = injectedPod(asking("a,b,c"), [a, b, c]).pod.spec?.initContainers ?? [];
    expect(ofA?.envFrom).toEqual([other, { configMapRef: { name: "a-config" } }]);
    expect(ofB?.envFrom).toEqual([own, other]);
    expect(ofC?.envFrom).toEqual([prefixed("c-config"), { configMapRef: { name: "c-config" } }]);
  });

  test("a pull secret that the Pod or another Watcher has is not added again", () => {
    const watchers = ["a", "b", "c"].map((name) =>
      watcher(name, { imagePullSecrets: { name: name === "c" ? "new" : "had" } }),
    );
    const had = asking("a,b,c", { spec: { imagePullSecrets: [{ name: "had" }] } });
    expect(injectedPod(had, watchers).pod.spec?.imagePullSecrets).toEqual([{ name: "had" }, { name: "new" }]);
    expect(injectedPod(asking("a,b"), watchers).pod.spec?.imagePullSecrets).toEqual([{ name: "had" }]);
    const unnamed = watcher("unnamed", { imagePullSecrets: {} });
    expect(injectedPod(asking("unnamed"), [unnamed]).pod.spec?.imagePullSecrets).toBeUndefined();
  });

  test("hostNetwork, ephemeral containers and the rest of the Pod stay as they are", () => {
    const spec = {
      hostNetwork: true,
      shareProcessNamespace: true,
      ephemeralContainers: [{ name: "debug", image: "busybox" }],
      volumes: [{ name: "own", emptyDir: {} }],
    };
    const { initContainers, ...rest } = injectedPod(asking("a", { spec }), [watcher("a")]).pod.spec ?? {};
    expect(rest).toEqual({ containers: [app], ...spec });
    expect(initContainers).toHaveLength(1);
  });
});

const withoutRevision = ({ status, ...rest }: Watcher): Watcher => {
  const { revision: _, ...others } = status ?? {};
  return { ...rest, status: others };
};

const prefixed = (name: string) => ({ prefix: "P_", configMapRef: { name } });

describe("the place of a container", () => {
  const init = { name: "init", image: "init:1" };
  const spec = { initContainers: [init], containers: [app] };

  test("native sidecars stand before the Pod's init containers, by the names of their Watchers", () => {
    const watchers = [watcher("b"), watcher("a", { container: { name: "z", image: "i" } })];
    const { pod: result } = injectedPod(asking("b,a", { spec }), watchers);
    expect(initNames(result)).toEqual(["z", "b", "init"]);
    expect(containerNames(result)).toEqual(["app"]);
  });

  test("plain containers stand after the Pod's containers, so the default container of kubectl stays the first one", () => {
    const watchers = [watcher("b"), watcher("a")];
    const { pod: result } = injectedPod(asking("b,a", { spec }), watchers, PLAIN);
    expect(containerNames(result)).toEqual(["app", "a", "b"]);
    expect(initNames(result)).toEqual(["init"]);
    expect(result.spec?.containers[1]).not.toHaveProperty("restartPolicy");
  });

  test("an annotation for kubectl's default container stays", () => {
    const annotations = { "kubectl.kubernetes.io/default-container": "app" };
    const { pod: result } = injectedPod(asking("a", { annotations }), [watcher("a")]);
    expect(result.metadata?.annotations).toMatchObject(annotations);
  });

  test.each([
    ["Auto", NATIVE, ["w"], ["app"]],
    ["Auto", PLAIN, [], ["app", "w"]],
    ["Sidecar", NATIVE, ["w"], ["app"]],
    ["Container", NATIVE, [], ["app", "w"]],
    ["Container", PLAIN, [], ["app", "w"]],
  ] as const)("injectAs %s with %j", (injectAs, options, inits, containers) => {
    const { pod: result } = injectedPod(asking("w"), [watcher("w", { injectAs })], options);
    expect({ inits: initNames(result), containers: containerNames(result) }).toEqual({ inits, containers });
  });

  test("injectAs Sidecar is left out where there are no native sidecars", () => {
    const { patch, left } = inject(asking("w"), [watcher("w", { injectAs: "Sidecar" })], PLAIN);
    expect({ patch, reason: left[0]?.reason }).toEqual({ patch: [], reason: "NoNativeSidecars" });
  });

  test("injectAs alone decides when the container is restarted", () => {
    const always = watcher("w", { container: { name: "w", image: "i", restartPolicy: "Always" } });
    const { pod: plain } = injectedPod(asking("w"), [always], PLAIN);
    expect(plain.spec?.containers[1]).not.toHaveProperty("restartPolicy");
  });

  test.each(["Never", "OnFailure"])(
    "a plain container in a Pod with restartPolicy %s is noted: it keeps it from completing",
    (restartPolicy) => {
      const job = asking("w", { spec: { restartPolicy } });
      expect(inject(job, [watcher("w")], PLAIN).notes).toEqual([
        { watcher: "w", message: expect.stringContaining("does not complete") },
      ]);
      expect(inject(job, [watcher("w")], NATIVE).notes).toEqual([]);
    },
  );
});

describe("what is left out", () => {
  /** The reason for one Watcher, once it is sure that nothing was injected. */
  const reasonFor = (...parameters: Parameters<typeof inject>) => {
    const { patch, left } = inject(...parameters);
    expect(patch).toEqual([]);
    expect(left).toHaveLength(1);
    return left[0];
  };

  test("a Watcher that does not exist", () => {
    expect(reasonFor(asking("gone"), [], NATIVE)).toEqual({
      watcher: "gone",
      reason: "NotFound",
      message: "there is none of that name in this namespace",
    });
  });

  test("an entry that is no name", () => {
    expect(reasonFor(asking("Not_A_Name"), [], NATIVE)).toMatchObject({ watcher: "Not_A_Name", reason: "InvalidName" });
  });

  test("one that is not ready, with what its condition says", () => {
    const broken = watcher("w", {}, { conditions: [readyCondition("False", "ConfigMapConflict", { message: "why" })] });
    expect(reasonFor(asking("w"), [broken], NATIVE)).toEqual({
      watcher: "w",
      reason: "NotReady",
      message: "it is not ready: ConfigMapConflict: why",
    });
  });

  test("one that was ready at an older generation, or never", () => {
    const changed = watcher("w", {}, { conditions: [readyCondition("True", "Settled", { observedGeneration: 0 })] });
    expect(reasonFor(asking("w"), [changed], NATIVE)?.message).toBe("the controller has not settled it yet");
    const { status: _, ...fresh } = watcher("w");
    expect(reasonFor(asking("w"), [fresh], NATIVE)?.reason).toBe("NotReady");
  });

  test("one that is being deleted", () => {
    const going = watcher("w");
    const metadata = { ...going.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
    expect(reasonFor(asking("w"), [{ ...going, metadata }], NATIVE)?.reason).toBe("NotReady");
  });

  test("one whose container or volume has the name of an earlier Watcher's, even if nobody asks for that", () => {
    const first = watcher("a", { container: { name: "same", image: "i" } });
    const second = watcher("b", { container: { name: "same", image: "i" } });
    expect(reasonFor(asking("b"), [second, first], NATIVE)).toEqual({
      watcher: "b",
      reason: "Contended",
      message: 'Watcher "a" has a container "same" too, and comes first',
    });
  });

  test.each(["initContainers", "containers"])("one whose container's name another one of the Pod's %s has", (list) => {
    const spec = { containers: [app], [list]: [app, { name: "w", image: "other" }] };
    expect(reasonFor(asking("w", { spec }), [watcher("w")], NATIVE)?.reason).toBe("ContainerConflict");
  });

  test("one whose container the Pod has in the other list", () => {
    const same = { name: "w", image: "sidecar:1", envFrom: [{ configMapRef: { name: "w-config" } }] };
    const spec = { containers: [app, same] };
    expect(reasonFor(asking("w", { spec }), [watcher("w")], NATIVE)?.reason).toBe("ContainerConflict");
  });

  test("one whose volume's name another volume of the Pod has", () => {
    const spec = { volumes: [{ name: "v", secret: { secretName: "s" } }] };
    const wanted = watcher("w", { volume: { name: "v", emptyDir: {} } });
    expect(reasonFor(asking("w", { spec }), [wanted], NATIVE)?.reason).toBe("VolumeConflict");
  });

  test("one whose plain container takes a port of the host that the Pod has: on the host's network, any port", () => {
    const ports = [{ containerPort: 80 }];
    const wanted = watcher("w", { container: { name: "w", image: "i", ports } });
    const taken = { containers: [{ ...app, ports: [{ containerPort: 80, hostPort: 80, protocol: "TCP" }] }] };
    const onHost = asking("w", { spec: { ...taken, hostNetwork: true } });
    expect(reasonFor(onHost, [wanted], PLAIN)?.reason).toBe("PortConflict");
    expect(inject(onHost, [wanted], NATIVE).left).toEqual([]);
    expect(inject(asking("w", { spec: taken }), [wanted], PLAIN).left).toEqual([]);
  });

  test.each(unusableSpecs)("one that the API server would refuse in any Pod: %s", (_what, spec) => {
    expect(reasonFor(asking("w"), [watcher("w", spec)], NATIVE)?.reason).toBe("Unusable");
  });

  test.each(usableSpecs)("not one with %s", (_what, spec) => {
    expect(inject(asking("w"), [watcher("w", spec)], NATIVE)).toMatchObject({ left: [], injected: ["w"] });
  });

  test("all beyond the first 64 that its annotation names, said once", () => {
    const names = Array.from({ length: 1_000 }, (_, i) => `w${i}`);
    const { left } = inject(asking(names.join(",")), [], NATIVE);
    expect(left.filter(({ reason }) => reason === "NotFound")).toHaveLength(64);
    expect(left.filter(({ reason }) => reason === "TooMany")).toEqual([
      {
        watcher: "w64",
        reason: "TooMany",
        message: "the annotation has more than 64 entries: this one and all after it do not count",
      },
    ]);
    expect(left).toHaveLength(65);
  });

  test("one whose plain container comes into a Pod of the host's network with a port that is not that of the host", () => {
    const ports = [{ containerPort: 80, hostPort: 81 }];
    const wanted = watcher("w", { container: { name: "w", image: "i", ports } });
    const onHost = asking("w", { spec: { hostNetwork: true } });
    expect(reasonFor(onHost, [wanted], PLAIN)).toMatchObject({
      reason: "PortConflict",
      message: expect.stringContaining("hostPort 81"),
    });
    expect(inject(asking("w"), [wanted], PLAIN).left).toEqual([]);
  });

  test("nothing else: the other Watchers come in", () => {
    const { pod: result, left } = injectedPod(asking("a,gone,b"), [watcher("b"), watcher("a")]);
    expect(initNames(result)).toEqual(["a", "b"]);
    expect(left.map(({ watcher: name }) => name)).toEqual(["gone"]);
    expect(result.metadata?.annotations?.[INJECTED]).toBe("a,b");
  });
});

describe("what is there already", () => {
  test("a container and volume with the same content stay, and count", () => {
    const mount = { name: "v", mountPath: "/v" };
    const wanted = watcher("w", {
      container: { name: "w", image: "sidecar:1", volumeMounts: [mount] },
      volume: { name: "v", configMap: { name: "c" } },
    });
    // As the API server has made them: with defaults, and the token of the service account.
    const token = {
      name: "kube-api-access",
      mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
      readOnly: true,
    };
    const present = {
      name: "w",
      image: "sidecar:1",
      imagePullPolicy: "IfNotPresent",
      terminationMessagePath: "/dev/termination-log",
      terminationMessagePolicy: "File",
      resources: {},
      restartPolicy: "Always",
      envFrom: [{ configMapRef: { name: "w-config" } }],
      volumeMounts: [mount, token],
    };
    const spec = { initContainers: [present], volumes: [{ name: "v", configMap: { name: "c", defaultMode: 420 } }] };
    const { pod: result, left, injected } = injectedPod(asking("w", { spec }), [wanted]);
    expect({ left, injected }).toEqual({ left: [], injected: ["w"] });
    expect(result.spec).toEqual({ containers: [app], ...spec });
    expect(result.metadata?.annotations?.[INJECTED]).toBe("w");
  });

  test("an injected container that others have changed since stays as it is", () => {
    const watchers = [watcher("a"), watcher("b")];
    const { pod: first } = injectedPod(asking("a,b"), watchers);
    const [ofA, ofB] = first.spec?.initContainers ?? [];
    if (first.spec === undefined || ofA === undefined || ofB === undefined) throw new Error("nothing was injected");
    const foreign = { name: "mesh", image: "mesh:1", restartPolicy: "Always" };
    first.spec.initContainers = [foreign, { ...ofA, image: "mirror/sidecar:1", env: [{ name: "X", value: "1" }] }, ofB];
    expect(inject(first, watchers, NATIVE)).toMatchObject({ patch: [], injected: ["a", "b"], left: [] });
    expect(inject(first, watchers, PLAIN)).toMatchObject({ patch: [], injected: ["a", "b"], left: [] });
  });

  test("a Watcher that comes on a second call finds its place among those of the first", () => {
    const watchers = [watcher("a"), watcher("b"), watcher("c")];
    for (const options of [NATIVE, PLAIN]) {
      const { pod: once } = injectedPod(asking("a,b,c"), watchers, options);
      const { pod: first } = injectedPod(asking("a,c"), watchers, options);
      const more = {
        ...first,
        metadata: {
          ...first.metadata,
          annotations: { ...first.metadata?.annotations, "watch.example.com/inject": "a,b,c" },
        },
      };
      expect(injectedPod(more, watchers, options).pod).toEqual(once);
    }
  });

  test("a container of the Pod's own that reads a Watcher's ConfigMap is not taken for the Watcher's", () => {
    const reader = { name: "reader", image: "app:1", envFrom: [{ configMapRef: { name: "b-config" } }] };
    const watchers = [watcher("a"), watcher("b")];
    for (const containers of [
      [reader, app],
      [app, reader],
    ]) {
      const { pod: once } = injectedPod(asking("b", { spec: { containers } }), watchers, PLAIN);
      expect(containerNames(once)).toEqual([...containers.map(({ name }) => name), "b"]);
      const metadata = { ...once.metadata };
      metadata.annotations = { ...metadata.annotations, "watch.example.com/inject": "a,b" };
      const { pod: twice } = injectedPod({ ...once, metadata }, watchers, PLAIN);
      expect(containerNames(twice)).toEqual([...containers.map(({ name }) => name), "a", "b"]);
      // Nobody knows its container's name any more: it is the last one.
      const { pod: renamed } = injectedPod({ ...once, metadata }, [watcher("a")], PLAIN);
      expect(containerNames(renamed)).toEqual([...containers.map(({ name }) => name), "a", "b"]);
    }
  });

  test("what was injected stays when its Watcher is no longer there, ready or asked for", () => {
    const { pod: first } = injectedPod(asking("a"), [watcher("a")]);
    expect(inject(first, [], NATIVE)).toMatchObject({ patch: [], injected: ["a"], left: [] });
    expect(inject(first, [{ ...watcher("a"), status: {} }], NATIVE)).toMatchObject({ patch: [], left: [] });
  });

  test("annotations that were copied without the container are overwritten, or taken away", () => {
    const copied = { [INJECTED]: "a,b", [REVISION]: "a=1,b=2" };
    const { pod: overwritten } = injectedPod(asking("a", { annotations: copied }), [watcher("a"), watcher("b")]);
    expect(initNames(overwritten)).toEqual(["a"]);
    expect(overwritten.metadata?.annotations?.[INJECTED]).toBe("a");
    expect(overwritten.metadata?.annotations?.[REVISION]).toMatch(/^a=.{16}$/);
    const { pod: cleared } = injectedPod(pod({ annotations: { ...copied, mine: "yes" } }), []);
    expect(cleared.metadata?.annotations).toEqual({ mine: "yes" });
  });

  test("an annotation without revision proves nothing: the container is judged by its content", () => {
    const other = { name: "w", image: "other", envFrom: [{ configMapRef: { name: "w-config" } }] };
    const forged = asking("w", { annotations: { [INJECTED]: "w" }, spec: { initContainers: [other] } });
    const { pod: result, left } = injectedPod(forged, [watcher("w")]);
    expect(left[0]?.reason).toBe("ContainerConflict");
    expect(result.metadata?.annotations).not.toHaveProperty(INJECTED);
  });
});
