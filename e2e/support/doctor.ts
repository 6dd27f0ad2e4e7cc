import type { RealCluster } from "@pcmc/devcluster";
import { run } from "../../packages/operator/src/cli/commands.ts";
import { until } from "./until.ts";

/** One finding of `pcmc doctor -o json`. */
export interface Finding {
  readonly id: string;
  readonly status: "ok" | "warning" | "failed" | "skipped";
  readonly message: string;
  readonly remedy: string;
}

export interface Diagnosis {
  readonly code: number;
  readonly checks: readonly Finding[];
  /** Those that are not ok. */
  readonly bad: readonly Finding[];
}

/** Runs `pcmc doctor` in this process. */
const diagnose = async (cluster: RealCluster): Promise<Diagnosis> => {
  const said = { stdout: "", stderr: "" };
  const code = await run(["doctor", "-o", "json"], {
    stdout: (part) => {
      said.stdout += part;
    },
    stderr: (part) => {
      said.stderr += part;
    },
    env: { KUBECONFIG: cluster.kubeconfig },
    isTerminal: false,
    uptime: () => 0,
  });
  if (said.stdout === "") throw new Error(said.stderr);
  const { checks }: { readonly checks: readonly Finding[] } = JSON.parse(said.stdout);
  return { code, checks, bad: checks.filter(({ status }) => status !== "ok") };
};

/** Waits until doctor finds something by exactly these checks, and gives back what. */
export const doctorFinds = (cluster: RealCluster, ids: readonly string[]): Promise<Diagnosis> =>
  until(
    `doctor finds ${ids.join(", ") || "nothing"}`,
    async () => {
      const diagnosis = await diagnose(cluster);
      const found = [...new Set(diagnosis.bad.map(({ id }) => id))].sort();
      if (found.join() === [...ids].sort().join()) return diagnosis;
      throw new Error(JSON.stringify(diagnosis.bad, null, 1));
    },
    45_000,
  );
