import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("relisten.c", import.meta.url));

/** Why the helper cannot be built here; `undefined` where it can. */
export const noCompiler =
  spawnSync("gcc", ["--version"]).status === 0 ? undefined : "needs a C compiler with its library";

export interface Relistening {
  /** A process in the network namespace that it is to be in. */
  readonly pid: number;
  readonly cgroup: string;
  readonly port: number;
  /** A host and port that refuse connections. */
  readonly refusing: { readonly host: string; readonly port: number };
}

/** Starts a server on a socket that was a client before, and that was refused. */
export const relisten = async ({ pid, cgroup, port, refusing }: Relistening): Promise<AsyncDisposable> => {
  const folder = mkdtempSync(`${tmpdir()}/pcmc-relisten-`);
  const binary = `${folder}/relisten`;
  const { status, stderr } = spawnSync("gcc", ["-O1", "-o", binary, SOURCE], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  const command = `echo $$ > ${cgroup}/cgroup.procs && exec nsenter -t ${pid} -n ${binary} ${port} ${refusing.host} ${refusing.port}`;
  const child = spawn("sh", ["-c", command], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const first = await Promise.race([once(child.stdout, "data").then(() => undefined), ended]);
  rmSync(folder, { recursive: true });
  if (first !== undefined) throw new Error(`it ended with ${first[0] ?? first[1]}`);
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
};
