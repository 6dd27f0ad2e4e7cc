/*
 * Invariants, on a real API server with the committed CRD and no webhook:
 * - The CRD and the pure function accept the same Watchers, and name the same fields of those that they refuse. Where the CRD
 *   cannot say what the function says, the corpus has the reason.
 * - Rules of ours have the same words on both sides.
 * - What both accept, the API server takes as a part of a Pod; what they refuse of container and volume, it would not. So no
 *   Watcher can keep Pods from being created, and none is refused for nothing.
 */
import { ApiStatusError, type Cluster, startCluster } from "@pcmc/devcluster";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { validateWatcher } from "../../src/admission/watcher/validate.ts";
import { fieldOf, isObject } from "../../src/api/conform.ts";
import { legal, refused, watcher } from "../api/watcher-corpus.ts";
import { installWatchers } from "../api/watcher-definition.ts";
import { someSpec } from "./generated-watchers.ts";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  await installWatchers(cluster);
});

afterAll(async () => {
  await cluster?.stop();
});

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

describe("legal:", () => {
  test.each(legal)("$name", async ({ spec }) => {
    expect(await crdRefusal(spec)).toBeUndefined();
    expect(await podRefusal(spec)).toBeUndefined();
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
  test.each(refused.filter(({ podIsFine, spec }) => podIsFine && isObject(spec) && "container" in spec))(
    "$name",
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

test("of Watchers that are put together at random, those that would make a bad Pod are refused, and no others", async () => {
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
});
