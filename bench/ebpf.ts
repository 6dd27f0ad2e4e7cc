/*
 * What the programs in the kernel and the agent cost: as ratios of two kinds of rounds that alternate in one run, so that the
 * machine's moods hit both. Linux and root.
 *
 *   node bench/ebpf.ts [calls|verdict|throughput|agent ...] [--rounds 10] [--json]
 */
import { parseArgs } from "node:util";
import { measureAgent } from "./ebpf-agent.ts";
import { measureCalls } from "./ebpf-calls.ts";
import { measureThroughput } from "./ebpf-throughput.ts";
import { measureVerdicts } from "./ebpf-verdict.ts";
import { type Figure, report } from "./figure.ts";

const PARTS = {
  calls: measureCalls,
  verdict: measureVerdicts,
  throughput: measureThroughput,
  agent: measureAgent,
} as const;

type Part = keyof typeof PARTS;

const isPart = (word: string): word is Part => Object.hasOwn(PARTS, word);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "10" }, json: { type: "boolean", default: false } },
});

const chosen = positionals.length === 0 ? Object.keys(PARTS) : positionals;
const figures: Figure[] = [];
for (const part of chosen) {
  if (!isPart(part)) throw new Error(`there is no part ${part}: ${Object.keys(PARTS).join(", ")}`);
  process.stderr.write(`${part} ...\n`);
  figures.push(...(await PARTS[part]({ rounds: Number(values.rounds) })));
}

report(figures, values);
