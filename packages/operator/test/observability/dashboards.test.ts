/*
 * The committed dashboards, as files: what Grafana takes from them, and what people see.
 *
 * Invariants:
 * - Identities: a uid that is the file's name, panels with ids of their own, targets with refIds of their own.
 * - Panels lie on the grid, and none lies on another.
 * - Every panel says what is normal, has a unit and asks something; counters are only seen as rates over Grafana's own window.
 * - No data source is fixed; each variable that is there is used, and each that is used is there.
 */
import { describe, expect, test } from "vitest";
import { COLUMNS } from "../../../../scripts/dashboards/grafana.ts";
import { dashboards, type GrafanaDashboard, type GrafanaPanel } from "./support/committed.ts";

const all = [...dashboards()];
const queried = ({ panels }: GrafanaDashboard) => panels.filter(({ type }) => type !== "row");
const exprs = (dashboard: GrafanaDashboard) =>
  queried(dashboard).flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
/** Grafana's own. */
const BUILT_IN = ["__rate_interval"];

const overlap = ({ gridPos: a }: GrafanaPanel, { gridPos: b }: GrafanaPanel) =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

test("there is one for each part of the operator", () => {
  const parts = ["api", "configs", "ebpf", "overview", "podlogreader", "processes", "queues", "watchers", "webhooks"];
  expect(all.map(([file]) => file).sort()).toEqual(parts.map((part) => `pcmc-${part}.json`));
});

test("no two have one title", () => {
  const titles = all.map(([, { title }]) => title);
  expect(titles).toEqual([...new Set(titles)]);
});

describe.each(all)("%s", (file, dashboard) => {
  test("is known by its file's name, in a schema that Grafana 10 to 12 take", () => {
    expect(`${dashboard.uid}.json`).toBe(file);
    expect(dashboard.uid).toMatch(/^[a-z0-9-]{1,40}$/);
    expect(dashboard.schemaVersion).toBe(39);
  });

  test("has panels and targets that can be told apart", () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
    const titles = queried(dashboard).map(({ title }) => title);
    expect(titles).toEqual([...new Set(titles)]);
    for (const { targets = [] } of queried(dashboard)) {
      expect(targets.map(({ refId }) => refId)).toEqual(["A", "B", "C", "D"].slice(0, targets.length));
    }
  });

  test("has panels beside and below one another, within the grid", () => {
    const { panels } = dashboard;
    for (const [index, panel] of panels.entries()) {
      const { x, y, w, h } = panel.gridPos;
      expect([x >= 0, y >= 0, w > 0, h > 0, x + w <= COLUMNS]).toEqual([true, true, true, true, true]);
      expect(panels.slice(index + 1).filter((other) => overlap(panel, other))).toEqual([]);
    }
  });

  test("says of each panel what is normal, in a unit, and asks something", () => {
    for (const { title, description = "", targets = [], fieldConfig } of queried(dashboard)) {
      expect([title, targets.length > 0, description.length > 40, fieldConfig?.defaults.unit !== ""]).toEqual([
        title,
        true,
        true,
        true,
      ]);
      expect(targets.filter(({ expr, legendFormat }) => expr === "" || legendFormat === "")).toEqual([]);
    }
  });

  test("looks at counters as rates, over a window that fits any scrape interval", () => {
    const counters = /\b\w+_(?:total|bucket)\b/;
    const windows = exprs(dashboard).flatMap((expr) => [...expr.matchAll(/\[([^\]]*)\]/g)].map(([, window]) => window));
    expect([...new Set(windows)]).toEqual(windows.length === 0 ? [] : ["$__rate_interval"]);
    expect(exprs(dashboard).filter((expr) => counters.test(expr) && !expr.includes("rate("))).toEqual([]);
  });

  test("takes its data from what is chosen, and from nothing that is fixed", () => {
    const { list } = dashboard.templating;
    const chosen = [
      ...list.slice(1),
      ...queried(dashboard),
      ...queried(dashboard).flatMap(({ targets = [] }) => targets),
    ];
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's variable
    expect([...new Set(chosen.map(({ datasource }) => datasource?.uid))]).toEqual(["${datasource}"]);
    expect(list[0]).toMatchObject({ name: "datasource", type: "datasource" });
  });

  test("uses each of its variables, and no other", () => {
    const { list } = dashboard.templating;
    const there = list.filter(({ type }) => type === "query").map(({ name }) => name);
    const used = exprs(dashboard).flatMap((expr) => [...expr.matchAll(/\$(\w+)/g)].map(([, name = ""]) => name));
    expect([...new Set(used)].filter((name) => !BUILT_IN.includes(name)).sort()).toEqual([...there].sort());
  });
});
