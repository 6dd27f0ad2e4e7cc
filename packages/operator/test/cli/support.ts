import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { run } from "../../src/cli/commands.ts";

/** The folder of `bin/pcmc`. */
export const BIN = join(import.meta.dirname, "../../../../bin");

/** How a command ended, and what it said. */
export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What goes with a command. */
export interface Around {
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input. */
  readonly input?: string;
  /** Milliseconds that standard input takes to come, by the clock of `run`. */
  readonly inputTakes?: number;
  readonly isTerminal?: boolean;
}

/** A folder with files, gone after the test. */
export class Folder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async with(files: Readonly<Record<string, string>>): Promise<Folder> {
    const path = await mkdtemp(join(tmpdir(), "pcmc-cli-"));
    onTestFinished(() => rm(path, { recursive: true, force: true }));
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), content);
    }
    return new Folder(path);
  }

  /** Runs a command line in this process, of which words that begin with `./` are files here; so they are in what it says. */
  async run(line: string, { env = {}, input = "", inputTakes = 0, isTerminal = false }: Around = {}): Promise<Said> {
    let uptime = 0;
    const said = { stdout: "", stderr: "" };
    const args = line.split(" ").map((word) => word.replace(/^[.][/]/, `${this.path}/`));
    const code = await run(args, {
      stdout: (part) => {
        said.stdout += part;
      },
      stderr: (part) => {
        said.stderr += part;
      },
      stdin: async () => {
        uptime += inputTakes;
        return Buffer.from(input);
      },
      env,
      isTerminal,
      uptime: () => uptime,
    });
    const relative = (part: string) => part.replaceAll(`${this.path}/`, "./");
    return { code, stdout: relative(said.stdout), stderr: relative(said.stderr) };
  }

  /** Runs a command line in a bash that finds `pcmc`, with this folder as its home and working folder. */
  async shell(line: string, { env = {}, input = "" }: Around = {}): Promise<Said> {
    const child = spawn("bash", ["-o", "pipefail", "-c", line], {
      cwd: this.path,
      env: { PATH: `${BIN}:${process.env.PATH}`, HOME: this.path, ...env },
    });
    child.stdin.on("error", () => {}).end(input);
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await ended, stdout, stderr };
  }
}

/** Whether a program is installed. */
export const isInstalled = async (program: string): Promise<boolean> =>
  promisify(execFile)(program, ["--version"]).then(
    () => true,
    () => false,
  );

/** A PodConfigMapConfig in YAML. */
export const pcmc = (name: string, spec = "{}", metadata = ""): string =>
  `apiVersion: podconfig.example.com/v1alpha1\nkind: PodConfigMapConfig\nmetadata:\n  name: ${name}\n${metadata}spec: ${spec}\n`;

/** A Pod in YAML. */
export const pod = (name: string, more = ""): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n${more}`;
