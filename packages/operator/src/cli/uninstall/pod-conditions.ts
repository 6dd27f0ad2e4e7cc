import {
  type AbortSource,
  type Client,
  type Clock,
  ConflictError,
  keyOf,
  NotFoundError,
  Pods,
  parseKey,
} from "@pcmc/controller-runtime";
import { conditionFields, farewellPatch } from "../../ebpf/uninstall-conditions.ts";

export interface ClearConditionsOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** Absent = all. */
  readonly namespace?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** The changes are found, and not made. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSource;
}

/**
 * Takes back what agents have said of Pods: see `farewellPatch`.
 *
 * @returns the Pods whose condition was changed, as `namespace/name`.
 * @throws what the client throws; a Pod that is gone meanwhile is no error.
 */
export const clearConditions = async ({
  client,
  clock,
  namespace,
  fieldSelector,
  dryRun = false,
  signal,
}: ClearConditionsOptions): Promise<readonly string[]> => {
  const cleared: string[] = [];
  const pages = client.pages(Pods, { namespace, fieldSelector, project: conditionFields, signal });
  for await (const { items } of pages) {
    for (const pod of items) {
      const patch = farewellPatch(pod, clock.date());
      if (patch === undefined) continue;
      const key = keyOf(pod);
      const options = { type: "strategic", subresource: "status", project: conditionFields, signal } as const;
      if (!dryRun) {
        await client.patch(Pods, parseKey(key), patch, options).catch((error: unknown) => {
          // Another Pod of that name is none of which anything was said.
          if (!(error instanceof NotFoundError || error instanceof ConflictError)) throw error;
        });
      }
      cleared.push(key);
    }
  }
  return cleared;
};
