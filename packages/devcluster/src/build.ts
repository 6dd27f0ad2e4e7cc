import { spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, join } from "node:path";
import { type Binary, goBuild, isExecutable } from "./binaries.ts";
import type { KubernetesVersion } from "./versions.ts";

/** What to tell who has neither. */
export const GO_MISSING =
  "install Go 1.26 or newer (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder that holds them";

/** Path of the `go` command on PATH. */
export const findGo = (env: NodeJS.ProcessEnv): string | undefined =>
  (env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, "go"))
    .find(isExecutable);

/** How to build. */
export interface BuildOptions {
  /** Path of the `go` command. */
  readonly go: string;
  readonly version: KubernetesVersion;
  /** File to write. */
  readonly target: string;
  readonly env: NodeJS.ProcessEnv;
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Builds one program from its Go module. @throws with what the compiler said. */
export const buildBinary = async (binary: Binary, options: BuildOptions): Promise<void> => {
  const { module, package: path, ldflags } = goBuild(binary, options.version);
  const started = performance.now();
  options.log(`building ${binary} with Go (minutes the first time) ...`);
  const args = [
    "build",
    "-trimpath",
    "-buildvcs=false",
    "-mod=readonly",
    "-ldflags",
    ldflags,
    "-o",
    options.target,
    path,
  ];
  const child = spawn(options.go, args, {
    cwd: module,
    env: { ...options.env, CGO_ENABLED: "0", GOWORK: "off" },
    stdio: ["ignore", "ignore", "pipe"],
    ...(options.signal ? { signal: options.signal } : {}),
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-4000);
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`go build ${path} failed:\n${said.trim()}`);
  options.log(`built ${binary} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
};
