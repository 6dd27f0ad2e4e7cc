import { isDeepStrictEqual } from "node:util";
import { isObject } from "../api/conform.ts";
import type { Finding } from "./finding.ts";

/** Up to the first list: as in the API server, the items of a list that changed are all new. */
const comparable = (path: Finding["path"]): Finding["path"] => {
  const list = path.findIndex((step) => typeof step === "number");
  return list < 0 ? path : path.slice(0, list);
};

const valueAt = (object: unknown, path: Finding["path"]): unknown =>
  path.reduce<unknown>(
    (value, step) => (isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined),
    object,
  );

/**
 * Errors about values that are stored already and stay as they are become warnings: what was let in by an older version,
 * or while nobody looked, must not stand in the way of other changes. The API server does so for the CRD's own rules
 * (KEP-4008).
 */
export const ratcheted = (findings: readonly Finding[], object: unknown, before: unknown): readonly Finding[] =>
  findings.map((finding) => {
    const path = comparable(finding.path);
    const isNew = !isDeepStrictEqual(valueAt(object, path), valueAt(before, path));
    if (finding.severity === "warning" || isNew) return finding;
    const what = finding.isUnjudged ? "not looked at anew" : "still wrong";
    return { ...finding, severity: "warning", message: `stored already, and ${what}: ${finding.message}` };
  });
