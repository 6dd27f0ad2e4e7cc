/*
 * Invariants:
 * - What the manager would read off its flags and environment is what doctor takes it to run with.
 * - Each reason for which a Pod is not ready is told with something to do; a Pod that is ready has none.
 * - Two installations are rivals only where both would write the same.
 */
import { describe, expect, test } from "vitest";
import {
  imageVerdict,
  judgeFound,
  judgeReplicas,
  judgeRivals,
  judgeSettings,
} from "../../../src/cli/doctor/install.ts";
import { operatorOf } from "../../../src/cli/doctor/operator.ts";
import { troubleOf } from "../../../src/cli/doctor/pod-trouble.ts";
import { seen } from "../../../src/cli/doctor/seen.ts";
import { version } from "../../../src/cli/version.ts";
import { type DeploymentWish, deployment, FORBIDDEN, operator, pod, running, stored, told } from "./fixtures.ts";

const facts = (wish: DeploymentWish, others: readonly DeploymentWish[] = []) => {
  const found = running(wish);
  return { operators: seen([found, ...others.map(operator)]), operator: found, where: "the cluster" };
};

describe("settings", () => {
  test("flags beat the environment, and what a Pod always has is there", () => {
    const { settings } = operator({
      namespace: "ops",
      args: ["--controllers=watcher", "--allow-pod-get"],
      env: { WATCH_NAMESPACES: "shop,web", CONTROLLERS: "ignored", ALLOW_POD_GET: "false" },
    });
    expect(settings).toMatchObject({
      controllers: ["watcher"],
      watchNamespaces: ["shop", "web"],
      allowPodGet: true,
      webhookEnabled: true,
      podNamespace: "ops",
    });
  });

  test.each([{ env: { METRICS_ADDR: "here" } }, { args: ["--no-such-flag"] }, { args: ["--metrics-addr"] }])(
    "wrong ones are told: %j",
    (wish) => {
      expect(judgeSettings(facts(wish))).toMatchObject([
        { status: "failed", remedy: expect.stringContaining("settings.md") },
      ]);
    },
  );

  test("variables that come from elsewhere are named as not known", () => {
    const object = deployment();
    const [container] = object.spec?.template.spec?.containers ?? [];
    container?.env?.push({ name: "LOG_LEVEL", valueFrom: { configMapKeyRef: { name: "a", key: "b" } } });
    const found = operatorOf("Deployment", object);
    expect(found?.unknown).toEqual(["LOG_LEVEL"]);
  });

  test("a Deployment of our label that runs something else is no operator", () => {
    expect(
      operatorOf(
        "Deployment",
        stored("a", { spec: { selector: {}, template: { spec: { containers: [{ name: "x", args: ["serve"] }] } } } }),
      ),
    ).toBeUndefined();
    expect(judgeFound({ operators: seen([]), operator: undefined, where: "namespace shop" })).toMatchObject([
      { status: "failed", message: expect.stringContaining("namespace shop") },
    ]);
    expect(judgeFound({ operators: FORBIDDEN, operator: undefined, where: "" })).toMatchObject([{ status: "skipped" }]);
  });
});

describe("the image", () => {
  test.each([
    [`pcmc:${version}`, "ok"],
    [`registry:5000/pcmc:v${version}@sha256:ab`, "ok"],
    ["pcmc:latest", "ok"],
    ["registry:5000/pcmc", "ok"],
    ["pcmc:99.0.0", "warning"],
  ])("%s is %s", (image, status) => expect(imageVerdict("it", image).status).toBe(status));
});

describe("replicas", () => {
  const judge = (wish: DeploymentWish, ...pods: Parameters<typeof running>[1][]) =>
    judgeReplicas({ ...facts(wish), operator: running(wish, ...pods) });

  test("all ready is fine, some a warning, none and zero a failure", () => {
    expect(told(judge({ replicas: 2 }))).toEqual(["ok: 2 of 2 replicas ready"]);
    expect(judge({ replicas: 2, ready: 1 }, pod("a"))).toMatchObject([{ status: "warning" }]);
    expect(judge({ replicas: 2, ready: 0 })).toMatchObject([
      { status: "failed", remedy: expect.stringContaining("describe") },
    ]);
    expect(judge({ replicas: 0 })).toMatchObject([
      { status: "failed", message: expect.stringContaining("no replicas") },
    ]);
  });

  test("the Pods say why", () => {
    const waiting = pod("a", {
      phase: "Pending",
      conditions: [{ type: "PodScheduled", status: "False", message: "0/3 nodes" }],
    });
    expect(told(judge({ replicas: 1, ready: 0 }, waiting))).toEqual([
      "failed: 0 of 1 replica ready: Pod a: no node takes it: 0/3 nodes",
    ]);
  });
});

describe("why a Pod is not ready", () => {
  const container = (state: object, lastState: object = {}) => ({
    phase: "Running",
    containerStatuses: [{ name: "c", image: "", imageID: "", ready: false, restartCount: 2, state, lastState }],
  });

  test.each([
    [
      "an image",
      container({ waiting: { reason: "ErrImagePull", message: "not found" } }),
      /ErrImagePull: not found/,
      /imagePullSecrets/,
    ],
    [
      "a crash",
      container({ waiting: { reason: "CrashLoopBackOff" } }, { terminated: { exitCode: 2, reason: "Error" } }),
      /exit code 2/,
      /--previous/,
    ],
    [
      "memory",
      container({ running: {} }, { terminated: { exitCode: 137, reason: "OOMKilled" } }),
      /want of memory, 2 times/,
      /memory limit/,
    ],
    ["its end", container({ terminated: { exitCode: 3 } }), /exit code 3/, /logs/],
    ["itself", container({ running: {} }), /runs, and is not ready/, /readyz/],
    ["its failure", { phase: "Failed", reason: "Evicted" }, /Evicted/, /describe/],
    ["nothing yet", { phase: "Pending" }, /Pending/, /describe/],
  ])("%s", (_, status, why, remedy) => {
    const trouble = troubleOf(pod("a", status));
    expect(trouble?.why).toMatch(why);
    expect(trouble?.remedy).toMatch(remedy);
  });

  test("one that is ready has no trouble, one that ends has", () => {
    expect(troubleOf(pod("a"))).toBeUndefined();
    const { metadata, ...rest } = pod("a");
    expect(troubleOf({ ...rest, metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } })?.why).toMatch(
      /ending/,
    );
  });
});

describe("rivals", () => {
  const lock = (name: string) => ({ LEADER_ELECTION_LOCK_NAME: name });

  test.each([
    ["another Lease, all namespaces", {}, { env: lock("b") }, "failed"],
    ["no election", {}, { env: { LEADER_ELECTION_ENABLED: "false" } }, "failed"],
    [
      "one namespace in common",
      { env: { WATCH_NAMESPACES: "a,b" } },
      { env: { ...lock("b"), WATCH_NAMESPACES: "b,c" } },
      "failed",
    ],
    ["the same Lease", {}, {}, "ok"],
    [
      "other controllers",
      { args: ["--controllers=watcher"] },
      { args: ["--controllers=podlogreader"], env: lock("b") },
      "ok",
    ],
    ["other namespaces", { env: { WATCH_NAMESPACES: "a" } }, { env: { ...lock("b"), WATCH_NAMESPACES: "b" } }, "ok"],
  ])("%s", (_, one, other, status) => {
    expect(judgeRivals(facts(one, [{ namespace: "other", ...other }]))).toMatchObject([{ status }]);
  });

  const apart = (env: Readonly<Record<string, string>> = {}, image = "pcmc:1") => ({
    image,
    env: { WEBHOOK_ENABLED: "false", ...env },
  });

  test.each([
    ["the same image and settings do the same work twice", apart(lock("b")), "warning", /done twice/],
    ["another image", apart(lock("b"), "pcmc:2"), "failed", /differ in their images: each undoes/],
    ["another choice", apart({ ...lock("b"), ALLOW_POD_GET: "true" }), "failed", /differ in ALLOW_POD_GET/],
    ["all namespaces and some", apart({ ...lock("b"), WATCH_NAMESPACES: "a" }), "failed", /differ in WATCH_NAMESPACES/],
    [
      "all namespaces and some, without Watchers",
      { ...apart({ ...lock("b"), WATCH_NAMESPACES: "a" }), args: ["--controllers=podconfigmap,podlogreader"] },
      "warning",
      /done twice/,
    ],
    [
      "another choice of a controller that one of them lacks",
      { ...apart({ ...lock("b"), ALLOW_POD_GET: "true" }), args: ["--controllers=podconfigmap"] },
      "warning",
      /done twice/,
    ],
  ])("%s", (_, other, status, message) => {
    expect(judgeRivals(facts(apart(), [{ namespace: "other", ...other }]))).toMatchObject([
      { status, message: expect.stringMatching(message) },
    ]);
  });

  test("with webhooks in two namespaces, each writes its CA into the same configurations", () => {
    const [one, other] = [{ image: "pcmc:1" }, { image: "pcmc:1", env: lock("b") }];
    expect(told(judgeRivals(facts(one, [{ namespace: "other", ...other }])))[0]).toMatch(/^failed: .*caBundle/);
    expect(told(judgeRivals(facts(one, [other])))[0]).toMatch(/^warning: .*done twice/);
  });

  test("an operator alone has none", () => expect(judgeRivals(facts({}))).toEqual([]));
});
