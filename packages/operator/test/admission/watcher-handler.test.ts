/*
 * Invariants of the Watcher webhook, beside those that it shares with that of PodConfigMapConfig:
 * - Every write of a spec needs the right to create Pods in that namespace, and nothing else does. One with which workloads are
 *   restarted needs the right to patch these, too.
 * - What was stored before stays writable: faults of it that a write does not touch are warnings.
 */
import type { AdmissionRequest } from "@pcmc/controller-runtime";
import { describe, expect, test } from "vitest";
import { type Access, AccessReviews } from "../../src/admission/access-reviews.ts";
import { watcherHandler, watcherRoute } from "../../src/admission/watcher/handler.ts";
import { small, watcher } from "../api/watcher-corpus.ts";
import { context, createRequest } from "./fixtures.ts";

const sound = { container: small };
const bad = { container: { ...small, resources: { limits: { cpu: "1" }, requests: { cpu: "2" } } } };

const create = (spec: unknown): AdmissionRequest => createRequest(watcher("w", spec));
const update = (spec: unknown, before: unknown): AdmissionRequest => ({
  ...create(spec),
  operation: "UPDATE",
  oldObject: watcher("w", before),
});

class ScriptedReviews extends AccessReviews {
  readonly asked: Access[] = [];
  readonly #allowed: boolean;
  constructor(allowed: boolean) {
    super({ client: { create: () => Promise.reject(new Error("not reached")) }, clock: { now: () => 0 } });
    this.#allowed = allowed;
  }
  override async allows(_: unknown, access: Access): Promise<boolean> {
    this.asked.push(access);
    return this.#allowed;
  }
}

const ask = async (request: AdmissionRequest, allowed = true) => {
  const reviews = new ScriptedReviews(allowed);
  return { result: await watcherHandler({ reviews })(request, context), asked: reviews.asked };
};

const CREATE_PODS = { namespace: "default", verb: "create", group: "", resource: "pods" };

test("who may create Pods may write a sound Watcher", async () => {
  const { result, asked } = await ask(create(sound));
  expect(result).toMatchObject({ allowed: true });
  expect(asked).toEqual([CREATE_PODS]);
});

const patch = (resource: string) => ({ namespace: "default", verb: "patch", group: "apps", resource });
const RESTART = ["deployments", "statefulsets", "daemonsets"].map(patch);

test.each([
  ["to create one that does", create({ ...sound, rollout: "OnChange" }), RESTART],
  ["to change one that does", update({ ...sound, configData: { A: "x" }, rollout: "OnChange" }, sound), RESTART],
  ["to have it no longer do so", update(sound, { ...sound, rollout: "OnChange" }), []],
  ["to create one that says it does not", create({ ...sound, rollout: "Never" }), []],
])("a Watcher that restarts workloads takes the right to patch them: %s", async (_, request, expected) => {
  const { asked } = await ask(request);
  expect(asked).toEqual([CREATE_PODS, ...expected]);
});

describe("who may not create Pods is refused", () => {
  test.each([
    ["to create a Watcher", create(sound)],
    ["to change its container", update({ container: { ...small, args: ["x"] } }, sound)],
    ["to select other Pods", update({ ...sound, podSelector: {} }, sound)],
    ["to take its data out", update(sound, { ...sound, configData: { A: "x" } })],
  ])("%s", async (_, request) => {
    const { result } = await ask(request, false);
    expect(result).toMatchObject({ allowed: false, code: 403, reason: "Forbidden" });
    expect(result).toHaveProperty("message", expect.stringContaining('alice needs the right "create" on pods'));
  });
});

describe("nobody is asked", () => {
  test.each<readonly [string, AdmissionRequest]>([
    ["when the spec stays as it is", update(bad, bad)],
    ["when a status is written", { ...update(bad, sound), subResource: "status" }],
    ["when a Watcher is deleted", { ...update(bad, bad), operation: "DELETE", object: undefined }],
  ])("%s", async (_, request) => {
    expect(await ask(request, false)).toEqual({ result: { allowed: true }, asked: [] });
  });
});

test("a bad container is refused with its field", async () => {
  const { result } = await ask(create(bad));
  expect(result).toMatchObject({
    allowed: false,
    code: 422,
    causes: [
      { field: "spec.container.resources.requests.cpu", message: "must be at most the limit: 2 is more than 1" },
    ],
  });
});

test("a fault that is stored already is a warning when something else changes", async () => {
  const { result } = await ask(update({ ...bad, rollout: "OnChange" }, bad));
  expect(result).toMatchObject({
    allowed: true,
    warnings: [expect.stringContaining("spec.container.resources.requests.cpu: stored already, and still wrong")],
  });
});

test("a field of a newer CRD is a warning: the API server has let it in", async () => {
  const { result } = await ask(create({ container: { ...small, fieldOfTomorrow: 1 } }));
  expect(result).toMatchObject({
    allowed: true,
    warnings: [expect.stringContaining("fieldOfTomorrow: has no effect")],
  });
});

test("a name without room for the ConfigMap's is refused on create", async () => {
  const object = { ...watcher("w".repeat(250), sound) };
  const { result } = await ask(createRequest(object));
  expect(result).toMatchObject({ allowed: false, causes: [{ field: "metadata.name" }] });
});

test("without author checks only the object counts", async () => {
  expect(await watcherHandler({})(create(sound), context)).toMatchObject({ allowed: true });
  expect(await watcherHandler({})(create(bad), context)).toMatchObject({ allowed: false });
});

test("a fault of ours does not block anybody", () => {
  expect(watcherRoute({}).onFailure).toBe("failurePolicy");
});
