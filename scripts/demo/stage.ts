import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import type { Cluster } from "@pcmc/devcluster";

/** A file of this repository. */
export const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

const started = performance.now();
/** Says something, with the seconds since the start. */
export const say = (text: string) => {
  const seconds = ((performance.now() - started) / 1_000).toFixed(1).padStart(5);
  console.log(`${styleText("dim", `${seconds}s`)}  ${text}`);
};
/** Says what comes next. */
export const chapter = (text: string) => say(styleText("bold", text));
/** Shows the command that a person would type for what comes next. */
export const typed = (command: string) => console.log(`\n${styleText("green", `$ ${command}`)}`);

/** @throws what kubectl says when it fails. */
export const kubectl = async (cluster: Cluster, ...args: readonly string[]): Promise<string> => {
  const { stdout, stderr, exitCode } = await cluster.kubectl(args);
  if (exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
  return stdout;
};

/** Waits until `look` returns something; what is waited for is in the error. */
export const eventually = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const seen = await look().catch(() => undefined);
    if (seen !== undefined) return seen;
    if (performance.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

/** As a shell takes it. */
const quoted = (word: string): string => (/[^-\w./=:,]/.test(word) ? `'${word}'` : word);

/** Types a kubectl command and shows what it says. */
export const shown = async (cluster: Cluster, ...args: readonly string[]): Promise<void> => {
  typed(`kubectl ${args.map(quoted).join(" ")}`);
  console.log(await kubectl(cluster, ...args));
};
