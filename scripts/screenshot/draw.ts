import type { Curve } from "../../packages/operator/test/observability/support/prometheus.ts";
import { shown } from "./format.ts";

/** What is drawn of a panel: its place on the grid, and the curves that its queries came to. */
export interface Drawing {
  readonly type: string;
  readonly title: string;
  readonly unit: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly curves: readonly { readonly name: string; readonly values: Curve["values"] }[];
  /** Of the whole picture; seconds. */
  readonly from: number;
  readonly to: number;
  readonly steps: readonly { readonly color: string; readonly value: number | null }[];
  readonly stacked: boolean;
}

/** Pixels of one step of the grid, and between panels. */
const CELL = { width: 58, height: 34, gap: 8 };
const COLORS = [
  "#73bf69",
  "#f2cc0c",
  "#8ab8ff",
  "#ff780a",
  "#f2495c",
  "#5794f2",
  "#b877d9",
  "#37872d",
  "#fade2a",
  "#a352cc",
];
/** Seconds without a value after which a line begins anew. */
const GAP = 8;
/** Curves that are named; the rest is a count. */
const NAMED = 5;

/** The picture of a dashboard, as a page. */
export const pageOf = (title: string, drawings: readonly Drawing[]): string => {
  const bottom = Math.max(...drawings.map(({ gridPos: { y, h } }) => y + h));
  const size = { width: CELL.width * 24, height: CELL.height * bottom + 46 };
  const panels = drawings.map((drawing) => panelOf(drawing)).join("\n");
  return `<!doctype html><meta charset="utf-8"><style>body{margin:0;background:#111217}text{font-family:DejaVu Sans,sans-serif}</style>
<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">
<rect width="100%" height="100%" fill="#111217"/><text x="12" y="30" fill="#d8d9da" font-size="19">${escaped(title)}</text>
<g transform="translate(0 44)">${panels}</g></svg>`;
};

/** Pixels of a page; see `pageOf`. */
export const sizeOf = (drawings: readonly Drawing[]) => ({
  width: CELL.width * 24,
  height: CELL.height * Math.max(...drawings.map(({ gridPos: { y, h } }) => y + h)) + 46,
});

const panelOf = (drawing: Drawing): string => {
  const { x, y, w, h } = drawing.gridPos;
  const [left, top] = [x * CELL.width + CELL.gap / 2, y * CELL.height + CELL.gap / 2];
  const box = { width: w * CELL.width - CELL.gap, height: h * CELL.height - CELL.gap };
  const title = `<text x="10" y="19" fill="#ccccdc" font-size="12.5">${escaped(drawing.title)}</text>`;
  if (drawing.type === "row") return `<g transform="translate(${left} ${top})">${title}</g>`;
  const frame = `<rect width="${box.width}" height="${box.height}" rx="3" fill="#181b1f" stroke="#2c3235"/>`;
  return `<g transform="translate(${left} ${top})">${frame}${title}${inside(drawing, box)}</g>`;
};

interface Box {
  readonly width: number;
  readonly height: number;
}

const inside = (drawing: Drawing, box: Box): string => {
  if (drawing.curves.length === 0)
    return `<text x="${box.width / 2 - 24}" y="${box.height / 2}" fill="#6e6e78" font-size="13">No data</text>`;
  if (drawing.type === "stat") return number(drawing, box);
  if (drawing.type === "state-timeline") return states(drawing, box);
  return lines(drawing, box);
};

const number = ({ curves, unit, steps }: Drawing, { width, height }: Box): string => {
  const value = Number(curves[0]?.values.at(-1)?.[1]);
  const color = steps.findLast((step) => step.value === null || value >= step.value)?.color;
  const fill = color === "red" ? "#f2495c" : "#73bf69";
  return `<text x="${width / 2}" y="${height / 2 + 26}" text-anchor="middle" fill="${fill}" font-size="40">${shown(value, unit)}</text>`;
};

const states = ({ curves, from, to }: Drawing, { width, height }: Box): string => {
  const room = (height - 40) / curves.length;
  const label = Math.min(width * 0.4, 190);
  const at = (time: number) => label + ((time - from) / (to - from)) * (width - label - 10);
  return curves
    .map(({ name, values }, row) => {
      const y = 30 + row * room;
      const bars = values.map(([time, value], index) => {
        const next = values[index + 1]?.[0] ?? to;
        const fill = value === "1" ? "#73bf69" : "#f2495c";
        return `<rect x="${at(time).toFixed(1)}" y="${y}" width="${(at(next) - at(time) + 0.5).toFixed(1)}" height="${Math.min(room - 4, 40)}" fill="${fill}" fill-opacity=".8"/>`;
      });
      return `<text x="10" y="${y + Math.min(room, 40) / 2 + 2}" fill="#ccccdc" font-size="10.5">${escaped(cut(name, 28))}</text>${bars.join("")}`;
    })
    .join("");
};

const lines = (drawing: Drawing, { width, height }: Box): string => {
  const { from, to, unit } = drawing;
  const curves = drawing.stacked ? stackedUp(drawing.curves) : drawing.curves;
  const legend = Math.min(curves.length, NAMED) * 14 + 8;
  const plot = { left: 66, right: width - 12, top: 34, bottom: height - legend - 22 };
  const line = drawing.steps.find(({ value }) => value !== null)?.value;
  const top = Math.max(
    1e-9,
    ...curves.flatMap(({ values }) => values.map(([, value]) => Number(value)).filter(Number.isFinite)),
  );
  const x = (time: number) => plot.left + ((time - from) / (to - from)) * (plot.right - plot.left);
  const y = (value: number) => plot.bottom - (Math.min(value, top * 1.1) / (top * 1.1)) * (plot.bottom - plot.top);
  const axis = [0, 0.5, 1].map((part) => {
    const value = top * part;
    return `<path d="M${plot.left} ${y(value).toFixed(1)}H${plot.right}" stroke="#2c3235"/><text x="${plot.left - 6}" y="${y(value) + 4}" text-anchor="end" fill="#8e8e99" font-size="10">${shown(value, unit)}</text>`;
  });
  const red =
    line != null && line <= top * 1.1
      ? `<path d="M${plot.left} ${y(line)}H${plot.right}" stroke="#f2495c" stroke-dasharray="5 3"/>`
      : "";
  const drawn = curves.map(({ values }, index) => {
    const points = values.filter(([, value]) => Number.isFinite(Number(value)));
    const path = points.map(([time, value], i) => {
      const begins = time - (points[i - 1]?.[0] ?? 0) > GAP;
      return `${begins ? "M" : "L"}${x(time).toFixed(1)} ${y(Number(value)).toFixed(1)}`;
    });
    return `<path d="${path.join("")}" fill="none" stroke="${colorOf(index)}" stroke-width="1.4"/>`;
  });
  const times = [from, (from + to) / 2, to].map(
    (time, i) =>
      `<text x="${x(time)}" y="${plot.bottom + 14}" text-anchor="${["start", "middle", "end"][i]}" fill="#8e8e99" font-size="10">${Math.round(time - to)} s</text>`,
  );
  return [...axis, red, ...drawn, ...times, ...legendOf(drawing, { top: plot.bottom + 30, width })].join("");
};

/** Each on top of those before it. */
const stackedUp = (curves: Drawing["curves"]): Drawing["curves"] => {
  const sums = new Map<number, number>();
  return curves.map(({ name, values }) => ({
    name,
    values: values.map(([time, value]) => {
      const sum = (sums.get(time) ?? 0) + (Number.isFinite(Number(value)) ? Number(value) : 0);
      sums.set(time, sum);
      return [time, String(sum)] as const;
    }),
  }));
};

const legendOf = (
  { curves, unit }: Drawing,
  { top, width }: { readonly top: number; readonly width: number },
): readonly string[] =>
  curves.slice(0, NAMED).map(({ name, values }, index) => {
    const y = top + index * 14;
    const more = index === NAMED - 1 && curves.length > NAMED ? `  (and ${curves.length - NAMED} more)` : "";
    const last = shown(Number(values.at(-1)?.[1]), unit);
    return `<rect x="12" y="${y - 5}" width="14" height="3" fill="${colorOf(index)}"/><text x="32" y="${y}" fill="#ccccdc" font-size="10.5">${escaped(cut(name, 60) + more)}</text><text x="${width - 14}" y="${y}" text-anchor="end" fill="#ccccdc" font-size="10.5">${last}</text>`;
  });

const colorOf = (index: number): string => COLORS[index % COLORS.length] ?? "#ffffff";

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
