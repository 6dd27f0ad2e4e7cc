import { run } from "../../../src/cli/commands.ts";
import type { Said } from "../../cli/support.ts";

/** One finding of `pcmc doctor -o json`. */
export interface Told {
  readonly id: string;
  readonly section: string;
  readonly status: "ok" | "warning" | "failed" | "skipped";
  readonly message: string;
  readonly remedy: string;
  readonly docs: string;
}

export interface Diagnosis extends Omit<Said, "stdout"> {
  readonly checks: readonly Told[];
  /** Those that are not ok. */
  readonly bad: readonly Told[];
}

/** What `pcmc doctor` says with these flags, run in this process. */
export const sayDoctor = async (kubeconfig: string, flags = ""): Promise<Said> => {
  const said = { stdout: "", stderr: "" };
  const code = await run(`doctor${flags}`.split(" "), {
    stdout: (part) => {
      said.stdout += part;
    },
    stderr: (part) => {
      said.stderr += part;
    },
    env: { KUBECONFIG: kubeconfig },
    isTerminal: false,
    uptime: () => 0,
  });
  return { code, ...said };
};

/** What it finds. */
export const diagnose = async (kubeconfig: string, flags = ""): Promise<Diagnosis> => {
  const { code, stdout, stderr } = await sayDoctor(kubeconfig, ` -o json${flags}`);
  const { checks }: { checks: readonly Told[] } = stdout === "" ? { checks: [] } : JSON.parse(stdout);
  return { code, stderr, checks, bad: checks.filter(({ status }) => status !== "ok") };
};

/** @throws where what is not ok is not exactly of these checks, or nothing was checked. */
export const ofExactly = (ids: readonly string[], diagnosis: Diagnosis): Diagnosis => {
  const { checks, bad, stderr } = diagnosis;
  if (checks.length === 0) throw new Error(stderr);
  const found = [...new Set(bad.map(({ id }) => id))].sort();
  if (found.join() !== [...ids].sort().join()) throw new Error(JSON.stringify(bad, null, 1));
  return diagnosis;
};

/** Milliseconds until what was changed is found: the API server's caches, and probes of kubelets, take a while. */
export const PATIENCE = 45_000;

/** What is waited for. */
export const findsText = (ids: readonly string[]): string => `doctor finds ${ids.join(", ") || "nothing"}`;
