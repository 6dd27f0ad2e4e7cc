import type { AuditEvent } from "@pcmc/devcluster";

/** When a request reached the API server; milliseconds since the epoch. */
export const receivedAt = ({ requestReceivedTimestamp }: AuditEvent): number => Date.parse(requestReceivedTimestamp);

/** When the API server had answered it; milliseconds since the epoch. */
export const answeredAt = (event: AuditEvent): number => {
  const { stageTimestamp } = event as { readonly stageTimestamp?: unknown };
  if (typeof stageTimestamp !== "string") throw new Error("an audit event says when its stage was reached");
  return Date.parse(stageTimestamp);
};

/** From each to the next. */
export const gapsBetween = (events: readonly AuditEvent[]): readonly number[] =>
  events.slice(1).map((event, i) => receivedAt(event) - receivedAt(events[i] ?? event));

/** The last event of a verb on a resource of a namespace. */
export const lastOf = (
  events: readonly AuditEvent[],
  { verb, resource, namespace }: { readonly verb: string; readonly resource: string; readonly namespace: string },
): AuditEvent => {
  const found = events.findLast(
    ({ verb: done, objectRef }) =>
      done === verb && objectRef?.resource === resource && objectRef.namespace === namespace,
  );
  if (found === undefined) throw new Error(`nobody has asked to ${verb} ${resource}`);
  return found;
};
