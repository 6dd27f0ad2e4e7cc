/* Invariant: docs/how-to/inject-a-sidecar.md explains every reason that users can meet in a status, a condition or an Event. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Obstacle } from "../../src/watcher/managed-config-map.ts";
import type { MissedReason } from "../../src/watcher/missed.ts";
import type { SpecFault } from "../../src/watcher/parsed.ts";
import { rolloutStates } from "../../src/watcher/rollout.ts";

const text = readFileSync(new URL("../../../../docs/how-to/inject-a-sidecar.md", import.meta.url), "utf8");

// The types see to it that these are all.
const obstacles: Readonly<Record<Obstacle["reason"], true>> = {
  NameTooLong: true,
  TooLarge: true,
  InvalidData: true,
  ConfigMapConflict: true,
  Immutable: true,
  BeingDeleted: true,
  QuotaExceeded: true,
  AdmissionDenied: true,
  Rejected: true,
  Forbidden: true,
};
const faults: Readonly<Record<SpecFault["reason"], true>> = { InvalidSpec: true, InvalidSelector: true };
const missed: Readonly<Record<MissedReason, true>> = {
  NotReady: true,
  CreatedBeforeReady: true,
  CreatedAsReady: true,
  ContainerConflict: true,
  VolumeConflict: true,
  NotInjected: true,
};
const troublesOfRollouts = [
  rolloutStates.stuck({ kind: "Deployment", name: "web" }, 0),
  rolloutStates.failing([]),
  rolloutStates.left([], 0),
  rolloutStates.forbidden("", 0),
].map(({ condition }) => condition.reason);

test.each([
  ...Object.keys(obstacles),
  ...Object.keys(faults),
  ...Object.keys(missed),
  ...troublesOfRollouts,
  "Contended",
  "NamespaceExcluded",
  "FieldsDropped",
  "WatcherDeleted",
  "NotFound",
  "PodsMissed",
])("docs/how-to/inject-a-sidecar.md explains %s", (reason) => {
  expect(text).toContain(`\`${reason}\``);
});
