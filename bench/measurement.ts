import { type ConvergenceResult, measureConvergence } from "./convergence.ts";
import type { Ground } from "./ground.ts";
import { type IdleResult, measureIdle } from "./idle.ts";
import { type LatencyResult, measureLatency } from "./latency.ts";
import type { Options } from "./options.ts";
import type { Step } from "./plan.ts";
import { measureRestart, type Restart } from "./restart.ts";
import { measureStart, type StartResult } from "./start.ts";

/** What a step brought. */
export type Measurement = Pick<Step, "pods" | "identity"> &
  (
    | { readonly part: "start"; readonly result: StartResult }
    | { readonly part: "convergence"; readonly result: ConvergenceResult }
    | { readonly part: "idle"; readonly result: IdleResult }
    | { readonly part: "restart"; readonly result: readonly Restart[] }
    | { readonly part: "latency"; readonly result: LatencyResult }
  );

/** Makes one measurement. `note` takes a line on how it goes. */
export const measure = async (
  ground: Ground,
  step: Step,
  { options, note }: { readonly options: Options; readonly note: (line: string) => void },
): Promise<Measurement> => {
  const { part, ...of } = step;
  const { rounds, starts, seconds, rate: perSecond } = options;
  switch (part) {
    case "start":
      return { ...of, part, result: await measureStart(ground, { starts }) };
    case "convergence":
      return { ...of, part, result: await measureConvergence(ground, { rounds, note }) };
    case "idle":
      return { ...of, part, result: await measureIdle(ground, { seconds }) };
    case "restart":
      return { ...of, part, result: await measureRestart(ground, { rounds }) };
    case "latency":
      return { ...of, part, result: await measureLatency(ground, { perSecond, seconds }) };
  }
};
