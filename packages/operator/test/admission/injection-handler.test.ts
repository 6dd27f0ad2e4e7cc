/*
 * The mutating handler. Invariants:
 * - It only ever looks at the creation of Pods, in namespaces that are for injection, and says no to none.
 * - What it does to a Pod is what the pure `inject` says; who creates it hears what was left out.
 * - It answers at once, from memory; where that does not suffice, it fails instead of admitting a Pod half-way.
 */
import type { AdmissionRequest, AdmissionResult } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { describe, expect, test } from "vitest";
import { type InjectionOptions, injectionHandler, injectionRoute } from "../../src/admission/injection/handler.ts";
import type { Watcher } from "../../src/api/watcher.ts";
import { inject } from "../../src/watcher/inject.ts";
import { asking, injectedPod, pod, watcher } from "../watcher/injection-fixtures.ts";
import { context, createRequest } from "./fixtures.ts";

const creation = (object: Pod, change: Partial<AdmissionRequest> = {}): AdmissionRequest => ({
  ...createRequest({ ...object }),
  kind: { group: "", version: "v1", kind: "Pod" },
  resource: { group: "", version: "v1", resource: "pods" },
  namespace: "shop",
  ...change,
});

const stored = (object: Watcher) => ({
  ...object,
  metadata: { name: "", uid: "", resourceVersion: "1", ...object.metadata },
});

interface Scene extends Partial<InjectionOptions> {
  readonly known?: readonly Watcher[];
  readonly synced?: boolean;
  readonly missing?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A handler with what is in memory, and what it has counted. */
const handlerIn = ({ known = [], synced = true, missing = false, labels, ...options }: Scene = {}) => {
  const counted: string[] = [];
  const handler = injectionHandler({
    watchers: {
      missing,
      syncedIn: () => synced,
      inNamespace: (namespace) => (namespace === "shop" ? known.map(stored) : []),
    },
    namespaces: { labelsOf: () => labels },
    nativeSidecars: { supported: true },
    ownNamespace: "ops",
    watchNamespaces: [],
    metrics: { onInjection: (result) => counted.push(result) },
    ...options,
  });
  const ask = async (request: AdmissionRequest): Promise<AdmissionResult> => handler(request, context);
  return { ask, counted };
};

const UNTOUCHED = { allowed: true };
const w = watcher("w");

test("a Pod gets what inject says, and the audit log what it has", async () => {
  const { ask, counted } = handlerIn({ known: [w] });
  const { patch } = inject(asking("w"), [w], { nativeSidecars: true });
  expect(await ask(creation(asking("w")))).toEqual({
    allowed: true,
    patch,
    warnings: [],
    auditAnnotations: { injected: "w" },
  });
  expect(counted).toEqual(["injected"]);
});

test("whoever creates a Pod hears of each Watcher that is left out, and the Pod is admitted", async () => {
  const { ask, counted } = handlerIn({ known: [{ ...w, status: {} }] });
  expect(await ask(creation(asking("w,gone")))).toMatchObject({
    allowed: true,
    patch: [],
    warnings: [
      'Watcher "gone" is not injected: there is none of that name in this namespace',
      'Watcher "w" is not injected: the controller has not settled it yet',
    ],
  });
  expect(counted).toEqual(["not_found", "not_ready"]);
});

test("a dry run gets the same answer and is not counted", async () => {
  const { ask, counted } = handlerIn({ known: [w] });
  expect(await ask(creation(asking("w"), { dryRun: true }))).toEqual(await ask(creation(asking("w"))));
  expect(counted).toEqual(["injected"]);
});

test("what is left out is counted once: not again for a Pod that other webhooks have changed since", async () => {
  const { ask, counted } = handlerIn({ known: [w] });
  const { pod: injected } = injectedPod(asking("w,gone"), [w]);
  await ask(creation(asking("w,gone")));
  expect(await ask(creation(injected))).toMatchObject({ patch: [], warnings: [expect.stringContaining('"gone"')] });
  expect(counted).toEqual(["injected", "not_found"]);
});

test("an annotation of 40,000 names makes 65 warnings", async () => {
  const { ask } = handlerIn({ known: [w] });
  const names = Array.from({ length: 40_000 }, (_, i) => `w${i}`).join(",");
  expect((await ask(creation(asking(names)))).warnings).toHaveLength(65);
});

test("a Watcher of another namespace is none", async () => {
  const { ask } = handlerIn({ known: [w] });
  expect(await ask(creation(asking("w"), { namespace: "other" }))).toMatchObject({ patch: [] });
});

test.each<[string, Partial<AdmissionRequest>]>([
  ["an update", { operation: "UPDATE" }],
  ["a deletion", { operation: "DELETE", object: undefined }],
  ["a subresource", { subResource: "ephemeralcontainers" }],
  ["another resource", { resource: { group: "apps", version: "v1", resource: "deployments" } }],
])("%s passes untouched", async (_what, change) => {
  const { ask } = handlerIn({ known: [w] });
  expect(await ask(creation(asking("w"), change))).toEqual(UNTOUCHED);
});

test.each<[string, Scene, string?]>([
  ["kube-system", {}, "kube-system"],
  ["the operator's own namespace", {}, "ops"],
  ["a namespace that opts out", { labels: { "watch.example.com/injection": "disabled" } }],
  ["a namespace that is not watched", { watchNamespaces: ["other"] }],
  ["a cluster without the CRD", { missing: true, synced: false }],
])("in %s Pods pass untouched", async (_what, scene, namespace = "shop") => {
  const { ask } = handlerIn({ known: [w], ...scene });
  expect(await ask(creation(asking("w"), { namespace }))).toEqual(UNTOUCHED);
});

test.each(["podconfigmap-controller", "podconfigmap-controller-agent", "podconfigmap-controller-uninstall"])(
  "the operator's own Pods pass untouched, also where its namespace is default: %s",
  async (name) => {
    const { ask } = handlerIn({ known: [w], ownNamespace: "default" });
    const own = asking("w", { labels: { "app.kubernetes.io/name": name } });
    expect(await ask(creation(own))).toEqual(UNTOUCHED);
  },
);

describe("what is not known yet", () => {
  test("before the Watchers are there, the call fails, and failurePolicy decides", async () => {
    const { ask } = handlerIn({ synced: false });
    await expect(ask(creation(pod()))).rejects.toThrow("the Watchers of namespace shop are not known yet");
  });

  test("before the API server's version is known, a Pod that would be injected fails, and others pass", async () => {
    const { ask } = handlerIn({ known: [w], nativeSidecars: { supported: undefined } });
    await expect(ask(creation(asking("w")))).rejects.toThrow("the version of the API server is not known yet");
    expect(await ask(creation(pod()))).toMatchObject({ allowed: true });
  });

  test("a failure is left to failurePolicy", () => {
    const options = {
      watchers: { missing: false, syncedIn: () => true, inNamespace: () => [] },
      namespaces: { labelsOf: () => undefined },
      nativeSidecars: { supported: true },
      ownNamespace: "ops",
      watchNamespaces: [],
    };
    expect(injectionRoute(options).onFailure).toBe("failurePolicy");
  });
});

describe("Pod Security", () => {
  const warningsIn = async (enforce: string | undefined, object = asking("w")) => {
    const labels = { ...(enforce !== undefined && { "pod-security.kubernetes.io/enforce": enforce }) };
    const privileged = { container: { name: "w", image: "i", securityContext: { privileged: true } } };
    const { ask } = handlerIn({ known: [watcher("w", privileged)], labels });
    return (await ask(creation(object))).warnings;
  };

  test("a sidecar that the namespace's profile refuses is warned about", async () => {
    expect(await warningsIn("baseline")).toEqual([
      'Watcher "w" is against Pod Security baseline of this namespace: securityContext.privileged must not be true',
    ]);
    expect((await warningsIn("restricted"))?.[0]).toContain("allowPrivilegeEscalation must be false");
  });

  test("without a profile, or with the privileged one, nothing is said", async () => {
    expect(await warningsIn(undefined)).toEqual([]);
    expect(await warningsIn("privileged")).toEqual([]);
  });

  test("nothing is said of what is not injected", async () => {
    expect(await warningsIn("restricted", pod())).toEqual([]);
  });
});
