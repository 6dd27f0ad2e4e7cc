/*
 * What the manager does beside what the API server can do, and what it costs. docs/reference/benchmarks.md says how to read it.
 *
 *   node bench/main.ts [all|start|convergence|idle|restart|latency] [--pods 1000,10000] [--json]
 */
import { BUNDLE, bundle } from "../scripts/bundle.ts";
import { fill, groundFor, startGroundCluster } from "./ground.ts";
import { machine } from "./machine.ts";
import { type Measurement, measure } from "./measurement.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { planOf, type Step } from "./plan.ts";
import { report } from "./report.ts";
import { verdictsOn } from "./targets.ts";

const started = performance.now();

/** Standard output is for the result. */
const note = (line: string): void => {
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  process.stderr.write(`${seconds.padStart(4)} s  ${line}\n`);
};

/** Makes all measurements with one number of Pods, on a control plane of their own. */
const measureAll = async (pods: number, steps: readonly Step[], options: Options): Promise<Measurement[]> => {
  await using cluster = await startGroundCluster();
  if (pods > 0) {
    note(`creating ${pods} Pods`);
    await fill(cluster, pods);
  }
  const measurements: Measurement[] = [];
  for (const step of steps) {
    note(`${step.part}, ${pods} Pods, ${step.identity}`);
    const ground = await groundFor(cluster, step.identity, { pods, connections: options.connections });
    measurements.push(await measure(ground, step, { options, note }));
  }
  return measurements;
};

const run = async (options: Options): Promise<void> => {
  note("bundling");
  await bundle(BUNDLE);
  const measurements: Measurement[] = [];
  for (const [pods, steps] of Map.groupBy(planOf(options), (step) => step.pods)) {
    measurements.push(...(await measureAll(pods, steps, options)));
  }
  note("done");
  if (options.json) {
    const mustHold = measurements.flatMap(verdictsOn);
    console.log(JSON.stringify({ machine: machine(), options, measurements, mustHold }));
    return;
  }
  const { cpus, model, node } = machine();
  console.log(`\n${cpus} x ${model}, Node ${node}, ${options.connections} connections`);
  console.log(report(measurements));
};

const optionsOrUsage = (): Options | undefined => {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options === undefined) console.log(USAGE);
    return options;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
};

const options = optionsOrUsage();
if (options !== undefined) await run(options);
