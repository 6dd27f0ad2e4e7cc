import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** What may go with a call of kubectl. */
export interface KubectlOptions {
  /** Standard input. */
  readonly input?: string;
  /** Another user's kubeconfig. Default: the admin's. */
  readonly kubeconfig?: string;
  readonly signal?: AbortSignal;
}

/** What kubectl said. */
export interface KubectlResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** The kubectl of a cluster. */
export interface Kubectl {
  readonly binary: string;
  readonly state: string;
  readonly kubeconfig: string;
  /** Aborts when the cluster is stopped: kubectl would go on waiting for it. */
  readonly stopped: AbortSignal;
}

/** Runs kubectl, with its cache in the state folder: the user's own stays as it is. Does not throw for an exit code. */
export const runKubectl = async (
  { binary, state, kubeconfig, stopped }: Kubectl,
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<KubectlResult> => {
  const child = spawn(binary, args, {
    env: { ...process.env, KUBECONFIG: options.kubeconfig ?? kubeconfig, KUBECACHEDIR: join(state, "kubectl-cache") },
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const output = { stdout: "", stderr: "" };
  const onStop = () => {
    output.stderr += "the cluster was stopped";
    child.kill("SIGKILL");
  };
  if (stopped.aborted) onStop();
  stopped.addEventListener("abort", onStop, { once: true });
  child.once("close", () => stopped.removeEventListener("abort", onStop));
  // kubectl may end without reading its input.
  child.stdin.on("error", () => {}).end(options.input ?? "");
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { ...output, exitCode: code ?? 1 };
};
