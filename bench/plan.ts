import type { IdentityName } from "./identity.ts";
import type { Options, Part } from "./options.ts";

/** One measurement to make. */
export interface Step {
  readonly part: Part;
  /** 0 for an empty cluster. */
  readonly pods: number;
  readonly identity: IdentityName;
}

/** The measurements to make, those of one number of Pods together: they share a cluster. */
export const planOf = ({ parts, pods, identities }: Options): Step[] => {
  const all = parts.length > 1;
  const largest = Math.max(...pods);
  const steps = parts.flatMap((part) => {
    const once = all && part !== "convergence";
    const sizes = once ? [largest] : pods;
    const names = once ? identities.slice(0, 1) : identities;
    return (part === "start" ? [0] : sizes).flatMap((size) =>
      names.map((identity): Step => ({ part, pods: size, identity })),
    );
  });
  return steps.sort((a, b) => a.pods - b.pods);
};
