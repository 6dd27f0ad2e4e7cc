import { spawnSync } from "node:child_process";
import { build } from "../scripts/build.ts";
import type { Fault } from "../src/protocol.ts";

/** What the native renderer is asked. */
export interface Question {
  readonly source: string;
  /** JSON. */
  readonly data: string;
  readonly zero: boolean;
  /** Whether to leave out `plain`: of what is too large for Go without limits. */
  readonly ours?: boolean;
}

/** What it answers. */
export interface NativeAnswer {
  readonly output: string;
  readonly error?: Fault;
  readonly dataError?: { readonly reason: string; readonly detail: string };
  /** What Go itself said. */
  readonly raw?: string;
  /** What text/template and sprig do by themselves. */
  readonly plain: { readonly output: string; readonly error: string };
  readonly reads?: { readonly whole: boolean; readonly paths: readonly (readonly string[])[] };
}

/** Renders with Go itself: the same module and sprig as it is, compiled for this machine. */
export const renderNatively = (questions: readonly Question[]): readonly NativeAnswer[] => {
  const { native } = build(() => {});
  if (native === undefined) throw new Error("the comparison with native Go needs Go");
  const input = questions.map((question) => JSON.stringify({ ...question, maxOutput: 1_048_576 })).join("\n");
  const env = { TZ: "Asia/Tokyo", LANG: "tr_TR.UTF-8" };
  const { stdout, stderr, status } = spawnSync(native, { input, encoding: "utf8", env, maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`the native renderer failed: ${stderr}`);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as NativeAnswer);
};
