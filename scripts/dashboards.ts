import { api } from "./dashboards/api.ts";
import { ebpf } from "./dashboards/ebpf.ts";
import { grafanaDashboard } from "./dashboards/grafana.ts";
import { overview } from "./dashboards/overview.ts";
import type { Dashboard } from "./dashboards/panel.ts";
import { pcmcs } from "./dashboards/pcmcs.ts";
import { podLogReader } from "./dashboards/podlogreader.ts";
import { processes } from "./dashboards/processes.ts";
import { queues } from "./dashboards/queues.ts";
import { watchers } from "./dashboards/watchers.ts";
import { webhooks } from "./dashboards/webhooks.ts";

/** All dashboards, as Grafana lists them. */
export const dashboards: readonly Dashboard[] = [
  overview,
  pcmcs,
  queues,
  api,
  processes,
  webhooks,
  ebpf,
  watchers,
  podLogReader,
];

/** Path from the root of the repository -> content, of all dashboards. */
export const dashboardFiles = (): Readonly<Record<string, () => string>> =>
  Object.fromEntries(
    dashboards.map((dashboard) => [
      `chart/dashboards/${dashboard.uid}.json`,
      () => `${JSON.stringify(grafanaDashboard(dashboard), undefined, 2)}\n`,
    ]),
  );
