import { isObject } from "../../api/conform.ts";
import type { AuthorNeed } from "../author-needs.ts";

/** What `rollout: OnChange` restarts. */
const RESTARTED = ["deployments", "statefulsets", "daemonsets"];

/**
 * What the author of a Watcher must be allowed to do: `create pods`. A Watcher runs its container in Pods of the namespace with
 * their service accounts and volumes, as whoever creates Pods there can. Every write that changes the spec needs it: also one
 * that only takes something out changes what runs in other people's Pods.
 *
 * With `rollout: OnChange` each such write restarts workloads by patching them, with the operator's right to do so: its author
 * needs that right too.
 */
export const watcherNeeds = (object: unknown, _before: unknown, namespace: string): readonly AuthorNeed[] => [
  {
    access: { namespace, verb: "create", group: "", resource: "pods" },
    path: ["spec"],
    why: "a Watcher runs its container in Pods",
  },
  ...(restarts(object) ? RESTARTED : []).map((resource) => ({
    access: { namespace, verb: "patch", group: "apps", resource },
    path: ["spec", "rollout"],
    why: "with rollout OnChange a Watcher restarts workloads",
  })),
];

const restarts = (object: unknown): boolean =>
  isObject(object) && isObject(object.spec) && object.spec.rollout === "OnChange";
