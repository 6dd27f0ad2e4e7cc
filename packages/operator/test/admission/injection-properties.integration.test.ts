/*
 * Injection against the API server's own validation. Invariants, whatever Pods and Watchers there are:
 * - A Pod that is accepted without injection is accepted with it.
 * - What the webhook makes of a Pod is what the pure function says.
 * - What is left out as unusable could be in no Pod.
 * - What we say of Pod Security is what Pod Security admission does.
 */
import { ApiStatusError, type Cluster, since, startCluster } from "@pcmc/devcluster";
import fc from "fast-check";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Watcher, WatcherSpec } from "../../src/api/watcher.ts";
import { podArbitrary, watchersArbitrary } from "../watcher/generated-injections.ts";
import { injectedPod } from "../watcher/injection-fixtures.ts";
import { unusableSpecs, usableSpecs } from "../watcher/unusable-specs.ts";
import { createNamespace, installDefinitions, podsIn, RunningWebhooks, storeWatcher } from "./injection-support.ts";
import { type PodSecurityCase, podSecurityCases } from "./pod-security-cases.ts";

let cluster: Cluster;
let webhooks: RunningWebhooks;
let namespaces = 0;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: true });
  await installDefinitions(cluster);
  await createNamespace(cluster, "plain", { "watch.example.com/injection": "disabled" });
  await createNamespace(cluster, "asked");
  webhooks = await RunningWebhooks.start(cluster);
  await webhooks.untilAsked(cluster, "asked");
});

afterAll(async () => {
  await webhooks?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

/** The Pod as it would be stored. */
const dryRun = (namespace: string, { metadata, spec }: Pod): Promise<Pod> => {
  const { namespace: _, ...named } = metadata ?? {};
  // The token's volume has a random name.
  const quiet = { ...spec, automountServiceAccountToken: false };
  return cluster.request("POST", `${podsIn(namespace)}?dryRun=All`, { metadata: named, spec: quiet });
};

const essence = ({ metadata, spec }: Pod) => ({ annotations: metadata?.annotations, labels: metadata?.labels, spec });

/** What the Watchers of a namespace of their own are stored as. */
const stored = async (watchers: readonly Watcher[]) => {
  const namespace = await createNamespace(cluster, `run-${++namespaces}`);
  const all = await Promise.all(watchers.map((watcher) => storeWatcher(cluster, namespace, watcher)));
  await Promise.all(all.map((watcher) => webhooks.knows(watcher)));
  return { namespace, watchers: all };
};

test("what comes out is what the pure function says, and the API server takes it wherever it takes the Pod", async () => {
  let injections = 0;
  let refusals = 0;
  const several = fc.array(podArbitrary, { minLength: 4, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(watchersArbitrary, several, async (drawn, pods) => {
      const { namespace, watchers } = await stored(drawn);
      for (const pod of pods) {
        // The webhook sees the Pod as the API server has completed it.
        const before = await dryRun("plain", pod);
        const expected = injectedPod(before, watchers);
        const made = await dryRun(namespace, pod);
        expect(essence(made)).toEqual(essence(await dryRun("plain", expected.pod)));
        injections += expected.added.length;
        refusals += expected.left.length;
      }
    }),
    { numRuns: 25 },
  );
  // Otherwise the runs have shown nothing.
  expect(injections).toBeGreaterThan(10);
  expect(refusals).toBeGreaterThan(10);
});

describe("specs that are called unusable", () => {
  const podWith = ({ container, volume }: WatcherSpec): Pod => ({
    metadata: { name: "judged" },
    spec: { containers: [container], ...(volume !== undefined && { volumes: [volume] }) },
  });

  test.each(unusableSpecs)("the API server refuses a Pod with %s", async (_what, spec) => {
    await expect(dryRun("plain", podWith(spec))).rejects.toThrow(/is invalid/);
  });

  test.each(usableSpecs)("and takes one with %s", async (_what, spec) => {
    await expect(dryRun("plain", podWith(spec))).resolves.toMatchObject({ metadata: { name: "judged" } });
  });
});

/** The case, and whether the API server has the check that it is about; what we say is what the latest version has. */
const checked = (each: PodSecurityCase) => {
  const { missing, note } = each.since === undefined ? { missing: false, note: "" } : since(each.since, "its check");
  return [`${each.what}${note}`, { ...each, missing }] as const;
};

describe("Pod Security admission", () => {
  beforeAll(async () => {
    for (const profile of ["baseline", "restricted"])
      await createNamespace(cluster, profile, {
        "pod-security.kubernetes.io/enforce": profile,
        "watch.example.com/injection": "disabled",
      });
  });

  const verdict = async (namespace: string, pod: Pod): Promise<string> => {
    try {
      await dryRun(namespace, pod);
      return "allowed";
    } catch (error) {
      if (error instanceof ApiStatusError && error.message.includes("violates PodSecurity")) return "refused";
      throw error;
    }
  };

  test.for(podSecurityCases.map(checked))("%s", async ([, { missing, judged, baseline, restricted }], { skip }) => {
    skip(missing);
    const { container, volume, pod } = judged;
    const spec = { ...pod, containers: [container], ...(volume !== undefined && { volumes: [volume] }) };
    const object = { metadata: { name: "judged" }, spec };
    expect(await verdict("baseline", object)).toBe(baseline);
    expect(await verdict("restricted", object)).toBe(restricted);
  });
});
