import type { AuthorNeed } from "../author-needs.ts";

/**
 * What the author of a Watcher must be allowed to do: `create pods`. A Watcher runs its container in Pods of the namespace with
 * their service accounts and volumes, as whoever creates Pods there can. Every write that changes the spec needs it: also one
 * that only takes something out changes what runs in other people's Pods.
 */
export const watcherNeeds = (_object: unknown, _before: unknown, namespace: string): readonly AuthorNeed[] => [
  {
    access: { namespace, verb: "create", group: "", resource: "pods" },
    path: ["spec"],
    why: "a Watcher runs its container in Pods",
  },
];
