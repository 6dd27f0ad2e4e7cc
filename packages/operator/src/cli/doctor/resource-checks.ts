import type { Stored } from "@pcmc/controller-runtime";
import type { ResourceQuota } from "kubernetes-types/core/v1.d.ts";
import type { Condition } from "../../api/conditions.ts";
import type { Group } from "../../controllers/names.ts";
import { nameFor } from "../../podlogreader/names.ts";
import { printable } from "../top/printable.ts";
import type { ResourceFacts } from "./resource-facts.ts";
import { judged, known } from "./seen.ts";
import { counted, failed, named, ok, type Verdict, warning } from "./verdict.ts";

/** Objects that are told of by themselves; the rest is a count. */
const TOLD = 5;

/** What PodConfigMapConfigs and Watchers have in common. */
interface Reported {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly generation?: number };
  readonly status?: { readonly observedGeneration?: number; readonly conditions?: readonly Condition[] };
}

const keyOf = ({ metadata }: Reported): string => `${metadata.namespace}/${metadata.name}`;

export const judgeConfigs = ({ configs }: ResourceFacts): readonly Verdict[] =>
  judged("PodConfigMapConfigs", configs, (list) =>
    readinessVerdicts(list?.items ?? [], {
      noun: "PodConfigMapConfig",
      remedy: "kubectl describe pcmc has all of the message; pcmc preview shows what the spec makes",
    }),
  );

export const judgeWatchers = ({ watchers }: ResourceFacts, groups: readonly Group[]): readonly Verdict[] => {
  if (!groups.includes("watcher")) return [];
  return judged("Watchers", watchers, (list) =>
    readinessVerdicts(list?.items ?? [], {
      noun: "Watcher",
      remedy: "kubectl describe watcher has all of the message; nothing is injected until it is Ready",
    }),
  );
};

const readinessVerdicts = (
  all: readonly Reported[],
  { noun, remedy }: { readonly noun: string; readonly remedy: string },
): readonly Verdict[] => {
  const bad = all.flatMap((each) => {
    const why = whyNotReady(each);
    return why === undefined ? [] : [`${noun} ${keyOf(each)} is not Ready: ${why}`];
  });
  const told = bad.slice(0, TOLD).map((text) => failed(printable(text), remedy));
  if (bad.length > TOLD) return [...told, failed(`${bad.length - TOLD} more ${noun}s are not Ready`, remedy)];
  if (told.length > 0) return told;
  return [ok(all.length === 0 ? `there are no ${noun}s` : `${counted(all.length, noun)}, and all are Ready`)];
};

const whyNotReady = ({ metadata, status }: Reported): string | undefined => {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  if (ready === undefined) return "no controller has looked at it yet";
  if (ready.status !== "True") return `${ready.reason}: ${ready.message}`;
  const { generation = 0 } = metadata;
  if ((status?.observedGeneration ?? 0) < generation) return `generation ${generation} is not settled yet`;
  return undefined;
};

export const judgeMissed = ({ watchers }: ResourceFacts): readonly Verdict[] => {
  const missing = (known(watchers)?.items ?? []).filter(({ status }) => (status?.missed ?? 0) > 0);
  if (missing.length === 0) return [];
  const texts = missing.map(({ metadata, status }) => {
    const [first] = status?.missedPods ?? [];
    const example = first === undefined ? "" : `, such as ${first.name} (${first.reason})`;
    return `${metadata.namespace}/${metadata.name}: ${counted(status?.missed ?? 0, "Pod")}${example}`;
  });
  return [
    warning(
      `Pods run without the sidecar they ask for: ${named(texts)}`,
      "restart them where they were made while no webhook answered; status.missedPods says why each has none",
    ),
  ];
};

export const judgeRoles = ({ deployments, roles }: ResourceFacts, groups: readonly Group[]): readonly Verdict[] => {
  if (!groups.includes("podlogreader")) return [];
  return judged("labelled Deployments", deployments, (all) =>
    judged("podlogreader's Roles", roles, (list) => {
      const there = new Set((list?.items ?? []).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
      const without = all
        .map(({ metadata }) => ({ namespace: metadata.namespace ?? "", name: metadata.name }))
        .filter(({ namespace, name }) => !there.has(`${namespace}/${nameFor(name)}`))
        .map(({ namespace, name }) => `${namespace}/${name}`);
      if (all.length === 0) return [ok("no Deployment is labelled for podlogreader")];
      if (without.length === 0)
        return [ok(`${counted(all.length, "Deployment")} labelled for podlogreader, each with its Role`)];
      return [
        failed(
          `labelled for podlogreader and without a Role: ${named(without)}`,
          "see the Events of the Deployment: a Role of that name may be somebody else's, or the operator lacks a right (check permissions.operator)",
        ),
      ];
    }),
  );
};

/** Part of a quota from which it is told of. */
const NEAR = 0.9;
const COUNTED = ["count/configmaps", "configmaps"];

export const judgeQuotas = ({ quotas, configs }: ResourceFacts): readonly Verdict[] => {
  const used = new Set((known(configs)?.items ?? []).map(({ metadata }) => metadata.namespace));
  if (used.size === 0) return [];
  return judged("ResourceQuotas", quotas, (list) => {
    const near = (list?.items ?? []).filter(({ metadata }) => used.has(metadata.namespace)).flatMap(fullness);
    if (near.length === 0) return [ok("no quota of ConfigMaps is nearly used up")];
    return near.map(({ text, full }) =>
      (full ? failed : warning)(
        text,
        "raise the quota, or select fewer Pods: each Pod takes one ConfigMap for each PodConfigMapConfig",
      ),
    );
  });
};

const fullness = ({ metadata, status }: Stored<ResourceQuota>): readonly { text: string; full: boolean }[] =>
  COUNTED.flatMap((key) => {
    const [hard, used] = [Number(status?.hard?.[key]), Number(status?.used?.[key])];
    // Counts may be written as quantities (`1k`): what is no plain number is left alone.
    if (!(used >= hard * NEAR)) return [];
    const name = `${metadata.namespace}/${metadata.name}`;
    return [{ text: `ResourceQuota ${name}: ${used} of ${hard} ConfigMaps used`, full: used >= hard }];
  });

export const judgeLeftovers = ({ leftovers }: ResourceFacts): readonly Verdict[] =>
  judged("ConfigMaps without a Pod", leftovers, ({ names, looked }) => {
    if (looked === 0) return [ok("there are no generated ConfigMaps")];
    if (names.length === 0)
      return [ok(`none of ${counted(looked, "generated ConfigMap")} that were looked at has lost its Pod`)];
    return [
      warning(
        `ConfigMaps whose Pod is gone are still there: ${named(names)}`,
        "see that kube-controller-manager runs and its garbage collector works: an API that cannot be discovered (kubectl api-resources) stops it",
      ),
    ];
  });
