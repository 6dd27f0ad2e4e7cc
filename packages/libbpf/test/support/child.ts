import { spawnSync } from "node:child_process";

export interface ChildOptions {
  /** Command and arguments that start Node in another world: fewer capabilities, other mounts, tighter limits. */
  readonly via?: readonly string[] | undefined;
  readonly arguments?: readonly string[] | undefined;
}

/** Runs a program of `test/children` and reads the JSON that it prints. It must end well and print nothing else. */
export const inChild = (name: string, { via = [], arguments: rest = [] }: ChildOptions = {}): { answer: unknown } => {
  const program = new URL(`../children/${name}.ts`, import.meta.url).pathname;
  const [command = "", ...all] = [...via, process.execPath, "--expose-gc", program, ...rest];
  const { status, signal, stdout, stderr, error } = spawnSync(command, all, { encoding: "utf8", timeout: 60_000 });
  if (error !== undefined) throw error;
  if (status !== 0 || stderr !== "") throw new Error(`${name} ended with ${status ?? signal}: ${stderr}${stdout}`);
  return { answer: JSON.parse(stdout) };
};

/** A mount namespace of its own, in which `commands` were run. */
export const withMounts = (commands: string): readonly string[] => [
  "unshare",
  "--mount",
  "sh",
  "-c",
  `set -e; ${commands}; exec "$@"`,
  "sh",
];

/** These capabilities and no other. */
export const withCapabilities = (...names: readonly string[]): readonly string[] => [
  "setpriv",
  `--bounding-set=${["-all", ...names.map((name) => `+${name}`)].join(",")}`,
  "--inh-caps=-all",
];
