import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Injection } from "../../watcher/inject.ts";
import { type Profile, violations } from "./pod-security.ts";

/** The label by which a namespace says which profile its Pods have to hold to. Source: k8s.io/pod-security-admission/api. */
const ENFORCE = "pod-security.kubernetes.io/enforce";

/** What whoever creates a Pod should know of its injection, one line each. */
export const injectionWarnings = (
  { added, left, notes }: Pick<Injection, "added" | "left" | "notes">,
  { spec }: Pod,
  namespaceLabels: Readonly<Record<string, string>> | undefined,
): readonly string[] => {
  const profile = profileOf(namespaceLabels?.[ENFORCE]);
  return [
    ...left.map(({ watcher, message }) => `Watcher ${JSON.stringify(watcher)} is not injected: ${message}`),
    ...notes.map(({ watcher, message }) => `Watcher ${JSON.stringify(watcher)}: ${message}`),
    ...added.flatMap(({ watcher, container, volume }) => {
      const against = violations({ container, volume, pod: spec }, profile);
      if (against.length === 0) return [];
      return [
        `Watcher ${JSON.stringify(watcher)} is against Pod Security ${profile} of this namespace: ${against.join("; ")}`,
      ];
    }),
  ];
};

/** Without a label the cluster's own default holds, which nobody tells: Kubernetes' is privileged. What is no profile is restricted. */
const profileOf = (label = "privileged"): Profile =>
  label === "baseline" || label === "privileged" ? label : "restricted";
