import type { EventRecorder, Manager } from "@pcmc/controller-runtime";

/** Runs a manager; Events are recorded for as long as a reconcile can have some. */
export const runRecorded = async (
  manager: Manager,
  events: EventRecorder,
  { stop, kill }: { readonly stop: AbortSignal; readonly kill: AbortSignal },
): Promise<void> => {
  const ended = new AbortController();
  const recording = events.run({ stop: ended.signal, kill });
  try {
    await manager.run({ stop, kill });
  } finally {
    ended.abort(new Error("the manager has ended"));
    await recording;
  }
};
