/*
 * Invariants, on a real API server with the committed CRD and no webhook:
 * - The CRD and the pure function accept the same Watchers, and name the same fields of those that they refuse. Where the CRD
 *   cannot say what the function says, the corpus has the reason.
 * - Rules of ours have the same words on both sides.
 * - What both accept, the API server takes as a part of a Pod, but for fields that it does not know, and which the product
 *   names; what they refuse of container and volume, it would not take. So none is refused for nothing.
 * - No Watcher that is injected keeps a Pod from being created, whatever fields an older API server drops of it.
 */
import { Client, systemClock } from "@pcmc/controller-runtime";
import { ApiStatusError, type Cluster, since, startCluster } from "@pcmc/devcluster";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { validateWatcher } from "../../src/admission/watcher/validate.ts";
import { fieldOf, isObject } from "../../src/api/conform.ts";
import { ServerPodApi } from "../../src/api/pod/server-pod-api.ts";
import type { Watcher, WatcherSpec } from "../../src/api/watcher.ts";
import { additionOf, listFor } from "../../src/watcher/addition.ts";
import { minorOf } from "../../src/watcher/native-sidecars.ts";
import { whyTooNew } from "../../src/watcher/too-new.ts";
import { legal, refused, watcher } from "../api/watcher-corpus.ts";
import { installWatchers } from "../api/watcher-definition.ts";
import { fixedConfig } from "../integration/support/manager.ts";
import { someSpec } from "./generated-watchers.ts";

/** On by default since; before, a plain container may say nothing, and a sidecar `Always` only. */
const restarts = since("1.35", "restartPolicy of plain containers");

let cluster: Cluster;
let client: Client;
let podApi: ServerPodApi;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  client = new Client(fixedConfig(cluster));
  podApi = new ServerPodApi({ client, clock: systemClock });
  await installWatchers(cluster);
});

afterAll(async () => {
  client?.close();
  await cluster?.stop();
});

/** What only newer API servers know of it. Nothing, of the version that the CRD is made of: see watcher-crd. */
const unknownIn = async (spec: unknown): Promise<readonly string[]> =>
  (await podApi.unknownIn(spec as WatcherSpec)).fields;

interface Verdict {
  /** What is said against it; `undefined` when it would be stored. */
  readonly refusal?: string;
  /** The spec as it would be stored. */
  readonly stored?: unknown;
}

/** What comes of an object that is tried, as kubectl would send it. */
const verdict = async (path: string, object: unknown): Promise<Verdict> => {
  try {
    const query = "?dryRun=All&fieldValidation=Strict";
    const { spec } = await cluster.request<{ readonly spec: unknown }>("POST", `${path}${query}`, object);
    return { stored: spec };
  } catch (error) {
    // 400: it cannot be read as what it should be. 422: it can, and is wrong.
    if (error instanceof ApiStatusError && [400, 422].includes(error.code)) return { refusal: error.message };
    throw error;
  }
};

const crdVerdict = (spec: unknown) =>
  verdict("/apis/watch.example.com/v1alpha1/namespaces/default/watchers", watcher("judged", spec));
const crdRefusal = async (spec: unknown) => (await crdVerdict(spec)).refusal;

const ownErrors = (spec: unknown) =>
  validateWatcher(watcher("judged", spec))
    .filter(({ severity }) => severity === "error")
    .map(({ path, message }) => `${fieldOf(path)}: ${message}`);

/** A Pod with the container and volume, as one that asks for the Watcher would have them. */
const podOf = ({ container, volume, injectAs }: Readonly<Record<string, unknown>>): unknown => {
  const main = { name: "main", image: "registry.example.com/main:1" };
  const isPlain = injectAs === "Container" || !isObject(container);
  return {
    metadata: { name: "judged", namespace: "default" },
    spec: {
      serviceAccountName: "default",
      // More than any hook sleeps here.
      terminationGracePeriodSeconds: 6_000_000_000,
      containers: [main, ...(isPlain ? [container] : [])],
      ...(!isPlain && { initContainers: [{ ...container, restartPolicy: container.restartPolicy ?? "Always" }] }),
      ...(volume !== undefined && volume !== null && { volumes: [volume] }),
    },
  };
};

const podRefusal = async (spec: unknown) =>
  (await verdict("/api/v1/namespaces/default/pods", podOf(isObject(spec) ? spec : {}))).refusal;

/** Whether it says what older API servers do not take. */
const isNewer = (spec: unknown): boolean => isObject(spec) && restarts.missing && saysWhenToRestart(spec.container);
const saysWhenToRestart = (container: unknown): boolean =>
  isObject(container) && container.restartPolicy !== undefined && container.restartPolicy !== "Always";

describe("legal:", () => {
  test.each(legal)("$name", async ({ spec }) => {
    expect(await crdRefusal(spec)).toBeUndefined();
    if (isNewer(spec)) return;
    const unknown = await unknownIn(spec);
    const refusal = await podRefusal(spec);
    if (unknown.length > 0) expect(refusal).toContain("unknown field");
    else expect(refusal).toBeUndefined();
  });
});

describe("refused by the CRD:", () => {
  test.each(refused.filter(({ cannotSay }) => cannotSay === undefined))("$name", async ({ spec, field, says = "" }) => {
    const message = await crdRefusal(spec);
    expect(message).toContain(field);
    expect(message).toContain(says);
  });
});

describe("let in by the CRD:", () => {
  test.each(refused.filter(({ cannotSay }) => cannotSay !== undefined))("$name", async ({ spec }) => {
    expect(await crdRefusal(spec)).toBeUndefined();
  });
});

describe("refused in a Pod:", () => {
  test.each(refused.filter(({ podIsFine }) => podIsFine === undefined))("$name", async ({ spec }) => {
    expect(await podRefusal(spec)).toBeDefined();
  });
});

describe("refused of a Watcher alone:", () => {
  const fine = refused.filter(({ podIsFine, spec }) => podIsFine && isObject(spec) && "container" in spec);
  test.each(fine.filter(({ spec }) => !isNewer(spec)))("$name", async ({ spec }) => {
    expect(await podRefusal(spec)).toBeUndefined();
  });

  test.skipIf(restarts.missing).each(fine.filter(({ spec }) => isNewer(spec)))(
    `$name${restarts.note}`,
    async ({ spec }) => {
      expect(await podRefusal(spec)).toBeUndefined();
    },
  );
});

/** What a Pod may say and a Watcher may not, because the published schemas do not have it; of whom kubectl explain is the word. */
const STRICTER: readonly RegExp[] = [
  // Go reads an empty text as none, and null in a list as an empty text.
  /: must be one of .*, not ""$/,
  /\]: must be .*, not null$/,
  // Required by the schema; Go reads what is missing as empty or 0.
  /: required: add it$/,
  // The keys of a list, which server-side apply tells items apart by, of Pods too.
  /: has the .* of an item before it$/,
];

const isStricter = (own: readonly string[]): boolean =>
  own.length > 0 && own.every((error) => STRICTER.some((pattern) => pattern.test(error)));

/** A fixed seed: a failure is one to look at, not one of luck. */
const SEED = 7;

const RUNS = 800;

/** What the API server says to a Pod into which the webhook has put the Watcher: it drops what it does not know. */
const injectedRefusal = async (spec: WatcherSpec): Promise<string | undefined> => {
  const list = listFor(spec, true) ?? "containers";
  const { container, volume } = additionOf({ metadata: { name: "judged" }, spec } as Watcher, spec, list);
  const main = { name: "main", image: "registry.example.com/main:1" };
  const lists = list === "containers" ? { containers: [main, container] } : { containers: [main], [list]: [container] };
  const pod = {
    metadata: { name: "judged", namespace: "default" },
    spec: {
      serviceAccountName: "default",
      terminationGracePeriodSeconds: 6_000_000_000,
      ...lists,
      ...(volume && { volumes: [volume] }),
    },
  };
  try {
    await cluster.request("POST", "/api/v1/namespaces/default/pods?dryRun=All", pod);
    return undefined;
  } catch (error) {
    return String(error);
  }
};

test("of Watchers that are put together at random, none that is injected keeps a Pod from being created", async () => {
  const specs = fc.sample(someSpec, { seed: SEED, numRuns: RUNS });
  const minor = minorOf(await cluster.request("GET", "/version")) ?? 0;
  const sound = specs.filter((spec) => ownErrors(spec).length === 0) as WatcherSpec[];
  const accepted = sound.filter((spec) => whyTooNew(spec, minor) === undefined);
  expect(accepted.length).toBeGreaterThan(RUNS / 5);
  const kept: unknown[] = [];
  for (let at = 0; at < accepted.length; at += 32) {
    const tried = accepted.slice(at, at + 32).map(async (spec) => {
      const refusal = await injectedRefusal(spec);
      if (refusal !== undefined) kept.push({ refusal, spec: JSON.stringify(spec) });
    });
    await Promise.all(tried);
  }
  expect(kept).toEqual([]);
});

test.skipIf(restarts.missing)(
  `of Watchers that are put together at random, those that would make a bad Pod are refused, and no others${restarts.note}`,
  async () => {
    const specs = fc.sample(someSpec, { seed: SEED, numRuns: RUNS });
    const wrong: unknown[] = [];
    let accepted = 0;
    for (let at = 0; at < specs.length; at += 32) {
      const verdicts = specs.slice(at, at + 32).map(async (spec) => {
        const { refusal: crd, stored = spec } = await crdVerdict(spec);
        // As it would be injected.
        const pod = await podRefusal(stored);
        const own = ownErrors(spec);
        const isFine = own.length === 0;
        if (isFine) accepted += 1;
        const isSame = isFine === (pod === undefined) || (crd !== undefined && isStricter(own));
        if (!isSame || (isFine && crd !== undefined)) wrong.push({ spec: JSON.stringify(spec), own, crd, pod });
      });
      await Promise.all(verdicts);
    }
    expect(wrong).toEqual([]);
    expect(accepted).toBeGreaterThan(RUNS / 5);
    expect(accepted).toBeLessThan((RUNS * 4) / 5);
  },
);
