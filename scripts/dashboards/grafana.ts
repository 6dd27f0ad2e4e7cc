import { type Dashboard, type Kind, type Panel, type Query, type Row, units, type Variable } from "./panel.ts";

/** Grafana 10's; later ones bring it up to date themselves. */
const SCHEMA_VERSION = 39;
/** Columns of Grafana's grid. */
export const COLUMNS = 24;
const HEIGHT: Readonly<Record<Kind, number>> = { lines: 8, number: 4, states: 8 };
const WIDTH: Readonly<Record<Kind, number>> = { lines: 12, number: 4, states: 12 };
const TAG = "podconfigmap-controller";
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's variable
const DATASOURCE = { type: "prometheus", uid: "${datasource}" };
const TYPE: Readonly<Record<Kind, string>> = { lines: "timeseries", number: "stat", states: "state-timeline" };

/** A dashboard as Grafana imports it, also by its provisioning and its sidecar. */
export const grafanaDashboard = ({ uid, title, description, variables, rows }: Dashboard) => ({
  uid,
  title,
  description,
  tags: [TAG],
  schemaVersion: SCHEMA_VERSION,
  version: 1,
  editable: true,
  graphTooltip: 1,
  timezone: "",
  time: { from: "now-1h", to: "now" },
  refresh: "30s",
  annotations: { list: [] },
  links: [
    {
      type: "dashboards",
      title: "Dashboards of the operator",
      tags: [TAG],
      asDropdown: true,
      keepTime: true,
      includeVars: true,
    },
  ],
  templating: { list: [datasource, ...variables.map(variableOf)] },
  panels: placed(rows),
});

const datasource = {
  name: "datasource",
  label: "Prometheus",
  type: "datasource",
  query: "prometheus",
  regex: "",
  hide: 0,
  includeAll: false,
  multi: false,
  current: {},
  options: [],
  refresh: 1,
};

const variableOf = ({ name, label, query, all }: Variable) => ({
  name,
  label,
  type: "query",
  datasource: DATASOURCE,
  query: { query, refId: name },
  definition: query,
  includeAll: true,
  multi: true,
  ...(all !== undefined && { allValue: all }),
  current: { selected: true, text: ["All"], value: ["$__all"] },
  options: [],
  hide: 0,
  regex: "",
  sort: 1,
  // Whenever the time range changes: Pods come and go.
  refresh: 2,
});

/** Puts panels in rows from left to right, each row below the one before. */
const placed = (rows: readonly Row[]): object[] => {
  let id = 0;
  let y = 0;
  const panels: object[] = [];
  for (const row of rows) {
    panels.push({
      id: ++id,
      type: "row",
      title: row.title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
    });
    y += 1;
    let [x, height] = [0, 0];
    for (const panel of row.panels) {
      const kind = panel.kind ?? "lines";
      const [w, h] = [panel.width ?? WIDTH[kind], HEIGHT[kind]];
      if (x + w > COLUMNS) {
        y += height;
        [x, height] = [0, 0];
      }
      panels.push(panelOf(panel, { id: ++id, gridPos: { x, y, w, h } }));
      x += w;
      height = Math.max(height, h);
    }
    y += height;
  }
  return panels;
};

const panelOf = (panel: Panel, place: object) => {
  const kind = panel.kind ?? "lines";
  return {
    ...place,
    type: TYPE[kind],
    title: panel.title,
    description: panel.about,
    datasource: DATASOURCE,
    targets: panel.queries.map((query, index) => target(query, { kind, index })),
    fieldConfig: { defaults: fieldsOf(panel, kind), overrides: [] },
    options: OPTIONS[kind],
  };
};

const target = ({ expr, legend }: Query, { kind, index }: { readonly kind: Kind; readonly index: number }) => ({
  refId: String.fromCharCode("A".charCodeAt(0) + index),
  datasource: DATASOURCE,
  expr,
  legendFormat: legend,
  editorMode: "code",
  ...(kind === "number" ? { instant: true, range: false } : { instant: false, range: true }),
});

const OPTIONS: Readonly<Record<Kind, object>> = {
  lines: {
    legend: { displayMode: "table", placement: "bottom", showLegend: true, calcs: ["lastNotNull", "max"] },
    tooltip: { mode: "multi", sort: "desc" },
  },
  number: {
    reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
    colorMode: "value",
    graphMode: "none",
    justifyMode: "auto",
    orientation: "auto",
    textMode: "auto",
  },
  states: {
    legend: { displayMode: "list", placement: "bottom", showLegend: false },
    mergeValues: true,
    rowHeight: 0.8,
    showValue: "never",
    tooltip: { mode: "single", sort: "none" },
  },
};

const STATES = [
  {
    type: "value",
    options: { 0: { text: "no", color: "red", index: 0 }, 1: { text: "yes", color: "green", index: 1 } },
  },
];

const fieldsOf = (panel: Panel, kind: Kind) => ({
  unit: units[panel.unit],
  ...(panel.unit !== "status" && { min: 0 }),
  color: { mode: kind === "lines" ? "palette-classic" : "thresholds" },
  thresholds: { mode: "absolute", steps: stepsOf(panel, kind) },
  mappings: panel.unit === "status" ? STATES : [],
  custom: customOf(panel, kind),
});

const stepsOf = ({ bad, atLeast }: Panel, kind: Kind) => {
  if (kind === "states")
    return [
      { color: "red", value: null },
      { color: "green", value: 1 },
    ];
  if (atLeast !== undefined)
    return [
      { color: "red", value: null },
      { color: "green", value: atLeast },
    ];
  return [{ color: "green", value: null }, ...(bad === undefined ? [] : [{ color: "red", value: bad }])];
};

const customOf = ({ bad, stacked }: Panel, kind: Kind) => {
  if (kind === "number") return {};
  if (kind === "states") return { fillOpacity: 80, lineWidth: 0 };
  return {
    drawStyle: "line",
    lineWidth: 1,
    fillOpacity: stacked === true ? 30 : 8,
    showPoints: "never",
    stacking: { mode: stacked === true ? "normal" : "none", group: "A" },
    thresholdsStyle: { mode: bad === undefined ? "off" : "line" },
  };
};
