import type { Measurement } from "./measurement.ts";
import { median, noise, range } from "./statistics.ts";
import { verdictsOn } from "./targets.ts";

/** What a reader gets: a block for each measurement, and what must hold. */
export const report = (measurements: readonly Measurement[]): string =>
  [...measurements.map(block), mustHold(measurements)].join("\n");

interface Row {
  readonly label: string;
  /** Of equal measurements; of one, there is no range. */
  readonly values: readonly number[];
  readonly digits: number;
}

const row = (label: string, values: readonly number[], digits: number): Row => ({ label, values, digits });

const block = (measurement: Measurement): string => {
  const { part, pods, identity } = measurement;
  const where = pods === 0 ? "empty cluster" : `${pods} Pods`;
  return `\n${`${part}: ${where}, ${identity}`.padEnd(LABEL)}    median   range\n${rowsOf(measurement).map(line).join("\n")}`;
};

const LABEL = 58;

const line = ({ label, values, digits }: Row): string => {
  const text = (value: number) => value.toFixed(digits);
  const spread = values.length < 2 ? "" : `   ${range(values).map(text).join(" - ")}`;
  return `  ${label.padEnd(LABEL)}${text(median(values)).padStart(8)}${spread}`;
};

const rowsOf = (measurement: Measurement): Row[] => {
  switch (measurement.part) {
    case "start":
      return [row("ready after (s)", measurement.result.readySeconds, 2)];
    case "convergence":
      return convergenceRows(measurement.result);
    case "idle":
      return idleRows(measurement.result);
    case "restart":
      return restartRows(measurement.result);
    case "latency":
      return latencyRows(measurement.result);
  }
};

type ResultOf<P extends Measurement["part"]> = Extract<Measurement, { part: P }>["result"];

const convergenceRows = ({ raw, ours, ratio, ratios }: ResultOf<"convergence">): Row[] => {
  const rates = raw.map(({ perSecond }) => perSecond);
  return [
    row("raw creates a second", rates, 0),
    row("ConfigMaps a second, from process start", column(ours, "perSecond"), 0),
    row("ours by raw, each beside its two raw neighbours", ratios, 2),
    row("ours by raw, medians", [ratio], 2),
    row("noise: range of raw by its median (%)", [noise(rates) * 100], 0),
    row("exact to (%)", column(ours, "uncertainty").map(percent), 2),
    row("CPU a ConfigMap, manager (ms)", column(ours, "clientCpu"), 3),
    row("CPU a ConfigMap, raw driver (ms)", column(raw, "clientCpu"), 3),
    row("CPU a ConfigMap, API server and etcd (ms)", ours.map(serverCpu), 3),
    row("CPU a ConfigMap, API server and etcd, raw (ms)", raw.map(serverCpu), 3),
    row("peak RSS (MB)", column(ours, "peakRss"), 0),
  ];
};

const serverCpu = (round: { readonly apiServerCpu: number; readonly etcdCpu: number }): number =>
  round.apiServerCpu + round.etcdCpu;

const idleRows = ({ seconds, cpu, writes, rss, peakRss }: ResultOf<"idle">): Row[] => [
  row("looked at for (s)", [seconds], 0),
  row("CPU (% of a core)", [percent(cpu)], 2),
  row("writes", [writes], 0),
  row("RSS at the end (MB)", [rss], 0),
  row("peak RSS, convergence included (MB)", [peakRss], 0),
];

const restartRows = (restarts: ResultOf<"restart">): Row[] => [
  row("ready after (s)", column(restarts, "readySeconds"), 2),
  row("idle after (s)", column(restarts, "idleSeconds"), 2),
  row("writes", column(restarts, "writes"), 0),
  row("RSS when idle (MB)", column(restarts, "rss"), 0),
  row("peak RSS (MB)", column(restarts, "peakRss"), 0),
];

const latencyRows = ({ fromAnswer, fromSend, ...result }: ResultOf<"latency">): Row[] => [
  row("Pod changes a second", [result.perSecond], 0),
  row("changes", [result.changes], 0),
  row("without an answer or a ConfigMap", [result.missing], 0),
  row("from the answer, p50 (ms)", [fromAnswer.p50], 2),
  row("from the answer, p99 (ms)", [fromAnswer.p99], 2),
  row("from the sending, p50 (ms)", [fromSend.p50], 2),
  row("from the sending, p99 (ms)", [fromSend.p99], 2),
  row("CPU of the manager (% of a core)", [percent(result.managerCpu)], 1),
];

const percent = (share: number): number => share * 100;

/** One figure of each. */
const column = <K extends string>(rows: readonly Readonly<Record<K, number>>[], key: K): number[] =>
  rows.map((each) => each[key]);

const mustHold = (measurements: readonly Measurement[]): string => {
  const verdicts = measurements.flatMap(verdictsOn);
  if (verdicts.length === 0) return "";
  const lines = verdicts.map(({ what, figure, target, holds }) =>
    `  ${what.padEnd(LABEL)}${figure.padStart(20)}   ${target.padEnd(20)} ${holds ? "" : "MISS"}`.trimEnd(),
  );
  return `\nmust hold\n${lines.join("\n")}`;
};
