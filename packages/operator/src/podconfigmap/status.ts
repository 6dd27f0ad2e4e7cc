import type { PodConfigMapConfig, PodConfigMapConfigStatus } from "../api/podconfigmapconfig.ts";
import { dated, sameConditions, shorten, type Undated } from "../controllers/conditions.ts";
import { ebpfConditionTypes } from "./ebpf-status.ts";
import type { Failure } from "./outcomes.ts";

/** What the Pods of one PodConfigMapConfig have come to, now that each is settled at its generation. */
export interface Progress {
  /** Live Pods that it selects. */
  readonly matched: number;
  /** Selected Pods without the ConfigMap they should have, by Pod name. */
  readonly failed: ReadonlyMap<string, readonly Failure[]>;
  /** Parts of the spec that are left out of every ConfigMap. */
  readonly problems: readonly Failure[];
  /** What is wrong with the PodConfigMapConfig itself, so that no Pod can be settled by it. */
  readonly invalid: Failure | undefined;
}

/** Pods named in a message; the rest is a count. */
const NAMED_PODS = 5;

/** A message that names every key that fails is as long as that takes. The API allows twice as much (KEP-1623). */
const LONGEST_MESSAGE = 16_384;

/** What a status is made of. */
export interface Findings {
  /** `undefined` = some selected Pod is not settled: what is about ConfigMaps stays as it is. */
  readonly progress: Progress | undefined;
  /** Conditions about eBPF, which wait for no ConfigMap; `undefined` = not known yet: they stay as they are. */
  readonly ebpf: readonly Undated[] | undefined;
}

/**
 * The status as it should be now, or `undefined` when it is that already. Nothing but a difference makes a write: a
 * converged cluster sees none.
 *
 * `observedGeneration` moves only when every selected Pod is settled. Until then the status stays as it is; its conditions
 * tell by their own `observedGeneration` which spec they are about.
 */
export const nextStatus = (
  config: PodConfigMapConfig,
  { progress, ebpf }: Findings,
  now: Date,
): PodConfigMapConfigStatus | undefined => {
  const before = config.status ?? {};
  const stored = before.conditions ?? [];
  const generation = config.metadata?.generation ?? 0;
  const found = [
    ...(progress === undefined ? [] : [readyCondition(progress), ...troubleConditions(progress)]),
    ...(ebpf ?? []),
  ].map((condition) => dated({ ...condition, observedGeneration: generation }, { before: stored, now }));
  const isJudged = (type: string) =>
    (progress !== undefined && OUR_CONDITIONS.has(type)) || (ebpf !== undefined && EBPF_CONDITIONS.has(type));
  const status: PodConfigMapConfigStatus = {
    ...before,
    ...(progress && { observedGeneration: generation, matched: progress.matched, failed: progress.failed.size }),
    conditions: [...found, ...stored.filter(({ type }) => !isJudged(type))],
  };
  return sameStatus(before, status) ? undefined : status;
};

const readyCondition = ({ invalid, problems, failed, matched }: Progress): Undated => {
  if (invalid !== undefined)
    return { type: "Ready", status: "False", reason: invalid.reason, message: invalid.message };
  if (failed.size > 0) {
    const reasons = new Set([...failed.values()].flat().map(({ reason }) => reason));
    const reason = reasons.size === 1 ? ([...reasons][0] ?? "Failed") : "SeveralFailures";
    return { type: "Ready", status: "False", reason, message: failureMessage(failed, matched) };
  }
  const [problem] = problems;
  if (problem !== undefined) {
    return { type: "Ready", status: "False", reason: problem.reason, message: problemMessage(problems) };
  }
  const message = matched === 0 ? "No Pod is selected." : `${podCount(matched)} up to date.`;
  return { type: "Ready", status: "True", reason: "UpToDate", message };
};

/** The kinds of trouble that have a condition of their own, `True` while there is some. */
const TROUBLES: Readonly<Record<string, readonly string[]>> = {
  SelectorInvalid: ["InvalidSelector"],
  TemplateFailed: ["TemplateError"],
  Conflict: ["ConfigMapConflict", "KeyCollision"],
  SpecInvalid: ["InvalidSpec", "InvalidDataKey"],
  Refused: ["QuotaExceeded", "AdmissionDenied", "Rejected", "TooLarge"],
};
const OUR_CONDITIONS = new Set(["Ready", ...Object.keys(TROUBLES)]);
const EBPF_CONDITIONS: ReadonlySet<string> = new Set(Object.values(ebpfConditionTypes));

const troubleConditions = ({ invalid, problems, failed, matched }: Progress): Undated[] => {
  const conditions: Undated[] = [];
  for (const [type, reasons] of Object.entries(TROUBLES)) {
    if (invalid !== undefined && reasons.includes(invalid.reason)) {
      conditions.push({ type, status: "True", reason: invalid.reason, message: invalid.message });
      continue;
    }
    const ofSpec = problems.filter(({ reason }) => reasons.includes(reason));
    if (ofSpec[0] !== undefined) {
      conditions.push({ type, status: "True", reason: ofSpec[0].reason, message: problemMessage(ofSpec) });
      continue;
    }
    const concerned = new Map<string, readonly Failure[]>();
    for (const [pod, failures] of failed) {
      const ofType = failures.filter(({ reason }) => reasons.includes(reason));
      if (ofType.length > 0) concerned.set(pod, ofType);
    }
    const [first] = concerned.values();
    if (first?.[0] === undefined) continue;
    conditions.push({ type, status: "True", reason: first[0].reason, message: failureMessage(concerned, matched) });
  }
  return conditions;
};

/** Names the first five Pods, in the order of their names, so that the message is the same each time. */
const failureMessage = (failed: ReadonlyMap<string, readonly Failure[]>, matched: number): string => {
  const names = [...failed.keys()].sort();
  const named = names.slice(0, NAMED_PODS).map(
    (pod) =>
      `${pod}: ${failed
        .get(pod)
        ?.map((f) => f.message)
        .join("; ")}`,
  );
  const more = names.length > NAMED_PODS ? `; and ${names.length - NAMED_PODS} more` : "";
  return shorten(`${names.length} of ${podCount(matched)} not up to date: ${named.join("; ")}${more}`, LONGEST_MESSAGE);
};

const problemMessage = (problems: readonly Failure[]): string =>
  shorten(problems.map(({ message }) => message).join("; "), LONGEST_MESSAGE);

/** `1 Pod`, `2 Pods`. */
export const podCount = (count: number): string => (count === 1 ? "1 Pod" : `${count} Pods`);

const sameStatus = (a: PodConfigMapConfigStatus, b: PodConfigMapConfigStatus): boolean =>
  a.observedGeneration === b.observedGeneration &&
  a.matched === b.matched &&
  a.failed === b.failed &&
  sameConditions(a.conditions, b.conditions);
