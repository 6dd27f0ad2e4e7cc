import type { WatcherSpec } from "../../../api/watcher.ts";
import { error, type Finding, warning } from "../../finding.ts";
import { localPathFaults } from "../local-path.ts";

/** The most rules that a container may have. Source: Kubernetes' `validateContainerRestartPolicy`. */
const MAX_RESTART_RULES = 20;

/** What can be wrong with image, restarts and security of the container. */
export const processFindings = ({ container, injectAs }: WatcherSpec): readonly Finding[] => {
  const { image = "", securityContext, restartPolicy }: WatcherSpec["container"] = container;
  // Of a newer API than that of the types.
  const { restartPolicyRules = [] }: { restartPolicyRules?: readonly unknown[] } & object = container;
  const base = ["spec", "container"];
  const faults: Finding[] = [];
  if (image !== image.trim()) faults.push(error([...base, "image"], "has spaces at its ends: remove them"));
  const { allowPrivilegeEscalation, capabilities, seccompProfile } = securityContext ?? {};
  const profile = [...base, "securityContext", "seccompProfile", "localhostProfile"];
  faults.push(...localPathFaults(profile, seccompProfile?.localhostProfile ?? ""));
  if (allowPrivilegeEscalation === false && capabilities?.add?.includes("CAP_SYS_ADMIN")) {
    const path = [...base, "securityContext", "allowPrivilegeEscalation"];
    faults.push(error(path, "cannot be false with the capability CAP_SYS_ADMIN: remove one of the two"));
  }
  if (restartPolicyRules.length > 0 && restartPolicy === undefined) {
    faults.push(error([...base, "restartPolicy"], "required beside restartPolicyRules: add it", "FieldValueRequired"));
  }
  if (restartPolicyRules.length > MAX_RESTART_RULES) {
    const message = `must have at most ${MAX_RESTART_RULES} items, not ${restartPolicyRules.length}`;
    faults.push(error([...base, "restartPolicyRules"], message, "FieldValueTooMany"));
  }
  return [...faults, ...restartWarnings({ restartPolicy, restartPolicyRules, injectAs })];
};

interface Restarts {
  readonly injectAs: WatcherSpec["injectAs"] | undefined;
  readonly restartPolicy: string | undefined;
  readonly restartPolicyRules: readonly unknown[];
}

/** When the container is restarted goes with its place in the Pod: what it says itself is taken out, as most API servers refuse it. */
const restartWarnings = ({ restartPolicy, restartPolicyRules, injectAs }: Restarts): readonly Finding[] => {
  const base = ["spec", "container"];
  const none = "has no effect: ";
  if (restartPolicy !== undefined && injectAs === "Container") {
    const message = `${none}a plain container is restarted as its Pod says; remove it`;
    return [warning([...base, "restartPolicy"], message)];
  }
  if (restartPolicyRules.length === 0) return [];
  return [warning([...base, "restartPolicyRules"], `${none}a sidecar is always restarted; remove them`)];
};
