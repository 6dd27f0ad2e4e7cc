/*
 * The webhooks as they are served, from the bytes of a request to those of the answer; templates are compiled by a stand-in.
 *
 * Invariants
 * - Whatever object of a kind that we define is sent for review gets an answer: it is let in or refused, for a reason that is the
 *   object's. No handler throws.
 * - So does each Pod that an API server can have decoded; it is let in.
 * - What is mutated has every field of its kind, and is sound.
 *
 * ADMISSION_FUZZ=100000 sends that many of each kind.
 */
import { expect, test } from "vitest";
import { isObject } from "../../src/api/conform.ts";
import { podConfigMapConfigResource } from "../../src/api/podconfigmapconfig.ts";
import type { SchemaNode } from "../../src/api/schema.ts";
import { watcherResource } from "../../src/api/watcher.ts";
import { type FuzzedKind, fuzz, soundAnswers } from "./fuzz.ts";

const COUNT = Number(process.env.ADMISSION_FUZZ ?? 1_500);
/** Another one for each day would find more, and fail on days when nothing was changed. */
const SEED = Number(process.env.ADMISSION_FUZZ_SEED ?? 1);

test.each<readonly [FuzzedKind, readonly string[]]>([
  ["PodConfigMapConfig", ["allowed", "denied"]],
  ["Watcher", ["allowed", "denied"]],
  ["Pod", ["allowed", "patched"]],
])("any %s is answered, and nothing fails", { timeout: 600_000 }, async (kind, expected) => {
  const { outcomes, faults } = await fuzz(kind, COUNT, SEED);
  expect(faults).toEqual([]);
  // All that can be said was said, or the mutations are too mild or too wild to find anything.
  for (const outcome of expected) expect(outcomes[outcome], outcome).toBeGreaterThan(COUNT / 20);
});

test.each<readonly [FuzzedKind, readonly string[]]>([
  ["PodConfigMapConfig", []],
  [
    "Watcher",
    [
      "spec.configBinaryData: is not in the container's environment",
      "spec.container.ports[0].hostPort: lets only one Pod",
      "spec.container.restartPolicy: has no effect: a plain container",
    ],
  ],
  [
    "Pod",
    [
      'Watcher "gone" is not injected: there is none',
      'Watcher "v" is against Pod Security restricted',
      'Watcher "w" is against Pod Security restricted',
    ],
  ],
])("any %s that is mutated is let in as it stands, and warned of is only what is meant", async (kind, expected) => {
  const answers = await soundAnswers(kind);
  expect(answers.filter(({ allowed }) => !allowed)).toEqual([]);
  const warnings = [...new Set(answers.flatMap((answer) => answer.warnings))].sort();
  expect(warnings).toEqual(expected.map((start) => expect.stringContaining(start)));
});

/** Paths of fields that the schema has and no value; of a field that is none of ours, such as a volume, only that it is there. */
const missingIn = (values: readonly unknown[], { properties = {} }: SchemaNode, open: ReadonlySet<string>, path = "") =>
  Object.entries(properties).flatMap(([field, node]): string[] => {
    const parts = values.flatMap((value) => (isObject(value) && value[field] !== undefined ? [value[field]] : []));
    if (parts.length === 0) return [`${path}.${field}`];
    return open.has(field) ? missingIn(parts, node, open, `${path}.${field}`) : [];
  });

test.each([
  [
    "PodConfigMapConfig",
    podConfigMapConfigResource,
    ["spec", "podSelector", "ebpfConfig", "syscallMonitoring", "l4Firewall", "metricsExport"],
  ],
  ["Watcher", watcherResource, ["spec", "podSelector", "container"]],
] as const)("no field of a %s's spec is missing in all that is mutated", async (kind, { schema }, open) => {
  const specs = (await soundAnswers(kind)).map(({ object }) => object.spec);
  expect(missingIn(specs, schema.properties?.spec ?? {}, new Set(open))).toEqual([]);
});
