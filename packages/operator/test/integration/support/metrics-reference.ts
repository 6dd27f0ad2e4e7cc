import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import { samplesOf } from "./metrics.ts";

const REFERENCE = new URL("../../../../../docs/reference/metrics.md", import.meta.url);

/** Headings of docs/reference/metrics.md. */
export const OF_THE_AGENT = "The node agent";
export const SHARED = ["Queues and controllers", "Cache and API server", "The process"] as const;

export interface Metric {
  readonly type: string;
  readonly labels: readonly string[];
}

/** The rows of the tables, `| name | type | labels | ...`, of the sections that are asked for. */
export const documented = async (isWanted: (section: string) => boolean): Promise<ReadonlyMap<string, Metric>> => {
  const sections = (await readFile(REFERENCE, "utf8")).split(/^## /m).slice(1);
  const wanted = sections.filter((section) => isWanted(section.slice(0, section.indexOf("\n")))).join("\n");
  const rows = wanted.matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \|([^|]*)\|/gm);
  return new Map(
    [...rows].map(([, name = "", type = "", labels = ""]) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label).sort() },
    ]),
  );
};

/** Fails where a scrape and the reference differ in names, types or labels. */
export const expectDocumented = (scrape: string, reference: ReadonlyMap<string, Metric>): void => {
  const exported = [...scrape.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]);
  expect(exported.sort()).toEqual([...reference].map(([name, { type }]) => [name, type]).sort());
  for (const { name, labels } of samplesOf(scrape)) {
    const metric = reference.get(name) ?? reference.get(name.replace(/_(bucket|sum|count)$/, ""));
    const own = Object.keys(labels).filter((label) => !(metric?.type === "histogram" && label === "le"));
    expect([name, own.sort()]).toEqual([name, metric?.labels]);
  }
};
