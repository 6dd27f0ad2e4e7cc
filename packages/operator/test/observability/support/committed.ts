import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

/** A file or folder of this repository. */
export const path = (relative: string): string => fileURLToPath(new URL(`../../../../../${relative}`, import.meta.url));

export const ALERTS = path("chart/files/alerts.yaml");
export const RUNBOOKS = path("docs/runbooks");
export const RULE_TESTS = path("packages/operator/test/observability/rules");

/** A rule as Prometheus has it. */
export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<"summary" | "description" | "runbook_url", string>>;
}

/** The committed alerts. */
export const rules = (): readonly Rule[] => {
  const { groups }: { groups: readonly { readonly rules: readonly Rule[] }[] } = parse(readFileSync(ALERTS, "utf8"));
  return groups.flatMap((group) => group.rules);
};

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: { readonly uid: string };
}

/** A panel as Grafana has it. */
export interface GrafanaPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit: string;
      readonly thresholds: { readonly steps: readonly { readonly color: string; readonly value: number | null }[] };
      readonly custom: { readonly stacking?: { readonly mode: string } };
    };
  };
}

export interface GrafanaVariable {
  readonly name: string;
  readonly type: string;
  readonly definition?: string;
  readonly datasource?: { readonly uid: string };
}

export interface GrafanaDashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly GrafanaVariable[] };
  readonly panels: readonly GrafanaPanel[];
}

const DASHBOARDS = path("chart/dashboards");

/** The committed dashboards, by file. */
export const dashboards = (): ReadonlyMap<string, GrafanaDashboard> =>
  new Map(
    readdirSync(DASHBOARDS)
      .filter((file) => file.endsWith(".json"))
      .map((file) => [file, JSON.parse(readFileSync(`${DASHBOARDS}/${file}`, "utf8"))]),
  );

/** One query of a panel. */
export interface DashboardQuery {
  readonly file: string;
  readonly panel: string;
  readonly expr: string;
  readonly legend: string;
}

/** All queries of all dashboards. */
export const dashboardQueries = (): readonly DashboardQuery[] =>
  [...dashboards()].flatMap(([file, { panels }]) =>
    panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr, legendFormat }) => ({ file, panel: title, expr, legend: legendFormat })),
    ),
  );

/** A query as it reaches Prometheus where All is chosen. */
export const chosenAll = (expr: string, { window }: { readonly window: string }): string =>
  expr.replaceAll("$__rate_interval", window).replaceAll(/\$\w+/g, ".*");
