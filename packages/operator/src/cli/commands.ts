import { Command, CommanderError } from "commander";
import { loadSettings, SettingsError } from "../settings/settings.ts";
import { settingsOptions } from "./settings-options.ts";
import { version, versionLine } from "./version.ts";

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, badSettings: 2 } as const;

export interface Io {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const processIo: Io = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  env: process.env,
};

/**
 * Runs a command line, without the program's name: `["manager", "--debug"]`. Never throws: what goes wrong is told on
 * standard error.
 *
 * @returns the exit code: 0, 1 after a fatal error, 2 where flags or settings are wrong.
 */
export const run = async (args: readonly string[], io: Io = processIo): Promise<number> => {
  let code: number = EXIT.ok;
  const program = commands(io, (given) => {
    code = given;
  });
  try {
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    return report(error, io);
  }
};

/** Commands import what they need when they run: `pcmc --help` loads none of it. */
const commands = (io: Io, setExitCode: (code: number) => void): Command => {
  const program = new Command("pcmc")
    .description("A ConfigMap for each Pod, kept right.")
    .version(version, "-V, --version", "print the version")
    .exitOverride()
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr });

  const manager = program.command("manager").description("Run the controllers until SIGTERM.");
  for (const option of settingsOptions()) manager.addOption(option);
  manager.action(async (flags: Readonly<Record<string, unknown>>) => {
    const settings = loadSettings({ flags, env: io.env });
    const { runManager } = await import("./manager.ts");
    setExitCode(await runManager(settings));
  });

  program
    .command("version")
    .description("Print the versions of pcmc and of Node.")
    .action(() => io.stdout(`${versionLine()}\n`));
  return program;
};

const report = (error: unknown, io: Io): number => {
  // Commander has said already what is wrong; its own code for that is 1, and 0 after --help and --version.
  // A bare `pcmc` shows the help (`commander.help`): a question, not an error.
  if (error instanceof CommanderError) {
    return error.exitCode === 0 || error.code === "commander.help" ? EXIT.ok : EXIT.badSettings;
  }
  if (error instanceof SettingsError) {
    io.stderr(`${error.message}\n`);
    return EXIT.badSettings;
  }
  io.stderr(`pcmc: ${error instanceof Error ? error.message : error}\n`);
  return EXIT.failed;
};
