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

/** Runs kubectl, with its cache in the state folder: the user's own stays as it is. Does not throw for an exit code. */
export const runKubectl = async (
  { binary, state, kubeconfig }: { binary: string; state: string; kubeconfig: string },
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<KubectlResult> => {
  const child = spawn(binary, args, {
    env: { ...process.env, KUBECONFIG: options.kubeconfig ?? kubeconfig, KUBECACHEDIR: join(state, "kubectl-cache") },
    ...(options.signal ? { signal: options.signal } : {}),
  });
  // kubectl may end without reading its input.
  child.stdin.on("error", () => {}).end(options.input ?? "");
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { ...output, exitCode: code ?? 1 };
};
