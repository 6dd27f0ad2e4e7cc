/*
 * docs/reference/conditions.md against the code.
 *
 * Invariants:
 * - Each text in CamelCase of the code that makes statuses and Events is a reason or condition of the page, or stands below
 *   among those that are none: so nobody adds a reason without a word about it.
 * - The tables have no reason that the code does not have.
 * - Each reason for which something is not in the kernel has a row in the troubleshooting of docs/EBPF_FEATURES.md, and no other.
 */
import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ROOT } from "../../../../scripts/docs/pages.ts";
import { REFUSALS } from "../../src/ebpf/policy-problems.ts";

const page = readFileSync(`${ROOT}docs/reference/conditions.md`, "utf8");

const files = globSync("packages/operator/src/{controllers,podconfigmap,watcher,podlogreader,ebpf}/**/*.ts", {
  cwd: ROOT,
});
const codeOf = (file: string): string =>
  readFileSync(`${ROOT}${file}`, "utf8")
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/^\s*\/\/.*$/gm, "")
    .replaceAll(/\s\/\/\s.*$/gm, "");
const code = files.map(codeOf).join("\n");
// A quoted text, or a property of a table of conditions.
const texts = new Set(
  [...code.matchAll(/"([A-Z]\w*[a-z]\w*)"|^ {2}([A-Z][a-z]\w*): \[/gm)].map(
    ([, text, property]) => text ?? property ?? "",
  ),
);

/** Kinds, fields' values and verbs of Kubernetes; names of our errors. */
const NO_REASONS: ReadonlySet<string> = new Set([
  ...["ConfigMap", "DaemonSet", "Deployment", "Pod", "PodConfigMapConfig", "ReplicaSet", "Role", "RoleBinding"],
  ...["ServiceAccount", "StatefulSet", "Watcher"],
  ...["Always", "Auto", "BestEffort", "Burstable", "Default", "DoesNotExist", "Exists", "False", "File", "Filesystem"],
  ...[
    "Guaranteed",
    "IfNotPresent",
    "In",
    "Never",
    "Normal",
    "NotIn",
    "OnChange",
    "OnDelete",
    "OnFailure",
    "Progressing",
  ],
  ...["Sidecar", "Container", "Succeeded", "True", "Unknown", "Warning", "NamespaceTerminating"],
  // Actions of Events, and topics of podlogreader's troubles.
  ...["Delete", "Grant", "Inject", "Reconcile", "Restart", "Pods", "Conflict", "Remains"],
  // Names of errors, and reasons that only our own code sees.
  ...["EbpfError", "EbpfUnavailable", "EnforceError", "FormerPod", "NotRendered"],
]);

test("each reason of the code is explained", () => {
  expect(texts.size).toBeGreaterThan(80);
  const silent = [...texts].filter((text) => !NO_REASONS.has(text) && !page.includes(`\`${text}\``)).sort();
  expect(silent).toEqual([]);
});

test("no reason is explained that the code does not have", () => {
  const rows = [...page.matchAll(/^\| ((?:`[A-Z]\w+`(?:, )?)+) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, reason = ""]) => reason),
  );
  expect(rows.length).toBeGreaterThan(60);
  // podlogreader puts these together of a kind and what is the matter with it.
  const composed = new Set(["RoleBindingRemains", "ServiceAccountRemains"]);
  expect(rows.filter((reason) => !texts.has(reason) && !composed.has(reason))).toEqual([]);
});

test("each reason for which something is not in the kernel says what to do", () => {
  const failures = codeOf("packages/operator/src/ebpf/failure.ts");
  const union = /type EbpfFailureReason =([^;]+);/.exec(failures)?.[1] ?? "";
  const reasons = new Set([...[...union.matchAll(/"(\w+)"/g)].map(([, reason = ""]) => reason), ...REFUSALS]);
  expect(reasons.size).toBeGreaterThan(20);
  const features = readFileSync(`${ROOT}docs/EBPF_FEATURES.md`, "utf8");
  const troubleshooting = features.slice(
    features.indexOf("\n## Troubleshooting"),
    features.indexOf("\n## Removing it"),
  );
  const rows = [...troubleshooting.matchAll(/^\| ((?:`[A-Z]\w+`(?:, )?)+) \| .+ \|$/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, reason = ""]) => reason),
  );
  expect(rows.sort()).toEqual([...reasons].sort());
});
