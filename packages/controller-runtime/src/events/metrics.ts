import { Counter, type Registry } from "../metrics/prom-client.ts";
import type { EventObserver } from "./observer.ts";

/**
 * `event_recorder_*`: called after the part that they are about, as `workqueue_*` and `rest_client_*` are. client-go and
 * controller-runtime have no metrics of Events whose names could be taken; a bare `events_*` would be taken for the
 * Events of the cluster, or for those of Node's event loop.
 *
 * Labels hold types, reasons for dropping and verbs, all closed sets: 12 series at the most. An Event's own reason is free
 * text, and no label.
 *
 * @throws Error when the registry has such metrics already: recorders share one observer.
 */
export const eventMetrics = (registry: Registry): EventObserver => {
  const registers = [registry];
  const recorded = new Counter({
    name: "event_recorder_recorded_total",
    help: "Events that the API server has, alone or in the count of a series, by type.",
    labelNames: ["type"] as const,
    registers,
  });
  const dropped = new Counter({
    name: "event_recorder_dropped_total",
    help: "Events that were recorded and never written, by reason.",
    labelNames: ["reason"] as const,
    registers,
  });
  const writes = new Counter({
    name: "event_recorder_writes_total",
    help: "Requests sent to write Events, failed ones too, by operation.",
    labelNames: ["operation"] as const,
    registers,
  });
  return {
    onRecorded: (type, count) => recorded.inc({ type }, count),
    onDropped: (reason, count) => dropped.inc({ reason }, count),
    onWrite: (operation) => writes.inc({ operation }),
  };
};
