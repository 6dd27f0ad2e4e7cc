import { CommanderError } from "commander";
import { SettingsError } from "../settings/settings.ts";
import { defineProgram } from "./definitions.ts";
import { EXIT, InputError, type Io, processIo } from "./io.ts";

/** kubectl finds its plugins, and what completes them, by these names of the program. */
const PLUGIN = "kubectl-pcmc";
const PLUGIN_COMPLETION = "kubectl_complete-pcmc";
/** Not for users: completion scripts call it with the words of the line so far. */
const COMPLETE = "__complete";

/**
 * Runs a command line, without the program's name: `["manager", "--debug"]`. Never throws: what goes wrong is told on
 * standard error.
 *
 * @returns the exit code: 0, 1 after a fatal error or where a Pod or file fails, 2 where flags, settings or input are wrong.
 */
export const run = async (args: readonly string[], given: Partial<Io> = {}): Promise<number> => {
  const io = { ...processIo, ...given };
  const calledAs = io.env.PCMC_CALLED_AS;
  let code: number = EXIT.ok;
  const program = defineProgram({
    io,
    name: calledAs === PLUGIN ? "kubectl pcmc" : "pcmc",
    setExitCode: (next) => {
      code = next;
    },
  });
  try {
    const words = calledAs === PLUGIN_COMPLETION ? [COMPLETE, ...args] : args;
    if (words[0] === COMPLETE) {
      const { complete, completionText } = await import("./completion/complete.ts");
      io.stdout(completionText(complete(program, words.slice(1))));
      return code;
    }
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    return report(error, io);
  }
};

const report = (error: unknown, io: Io): number => {
  // Commander has said already what is wrong; its own code for that is 1, and 0 after --help and --version.
  // A bare `pcmc` shows the help (`commander.help`): a question, not an error.
  if (error instanceof CommanderError) {
    return error.exitCode === 0 || error.code === "commander.help" ? EXIT.ok : EXIT.badInput;
  }
  if (error instanceof SettingsError) {
    io.stderr(`${error.message}\n`);
    return EXIT.badInput;
  }
  if (error instanceof InputError) {
    for (const line of error.lines) io.stderr(`${line}\n`);
    return EXIT.badInput;
  }
  io.stderr(`pcmc: ${error instanceof Error ? error.message : error}\n`);
  return EXIT.failed;
};
