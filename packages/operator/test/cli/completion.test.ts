/*
 * Invariants:
 * - What is offered is read off the commands: each command, flag and choice that help shows, and nothing else.
 * - What is offered is taken: a line that is completed does not fail for an unknown word.
 */
import { Command, Option } from "commander";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { complete, completionText } from "../../src/cli/completion/complete.ts";
import { defineProgram } from "../../src/cli/definitions.ts";
import { processIo } from "../../src/cli/io.ts";
import { BIN, Folder, isInstalled } from "./support.ts";

const program = () => defineProgram({ io: processIo, name: "pcmc", setExitCode: () => {} });

const offered = (line: string) => {
  const { candidates, files } = complete(program(), line.split(" ").slice(1));
  return [...candidates.map(({ value }) => value), ...(files ? ["FILES"] : [])];
};

describe("what is offered", () => {
  test.each([
    ["pcmc pre", ["preview"]],
    ["pcmc --v", ["--version"]],
    ["pcmc preview --dif", ["--diff"]],
    ["pcmc preview -o ", ["yaml", "json"]],
    ["pcmc preview -o j", ["json"]],
    ["pcmc preview --output=y", ["yaml"]],
    ["pcmc preview -f ", ["FILES"]],
    ["pcmc preview -f a.yaml ", ["FILES"]],
    ["pcmc preview -f a.yaml --pod - --col", ["--color"]],
    ["pcmc preview --kubeconfig ", ["FILES"]],
    ["pcmc preview -n ", []],
    ["pcmc preview --timeout ", []],
    ["pcmc preview -f a.yaml -o json --no", []],
    ["pcmc manager --leader-election-enabled=", ["true", "false"]],
    ["pcmc manager --debug ", expect.arrayContaining(["--debug", "--metrics-addr"])],
    ["pcmc agent uni", ["uninstall"]],
    ["pcmc agent uninstall --b", ["--bpf-pin-dir"]],
    ["pcmc manager --role ", []],
    ["pcmc top -o ", ["table", "json"]],
    ["pcmc doc", ["doctor"]],
    ["pcmc doctor -o ", ["text", "json"]],
    ["pcmc completion ", ["bash", "zsh", "fish"]],
    ["pcmc completion bash ", expect.not.arrayContaining(["bash"])],
    ["pcmc nope ", expect.not.arrayContaining(["preview"])],
    ["pcmc preview -- ", []],
  ])("after %j is %j", (line, expected) => {
    expect(offered(line)).toEqual(expected);
  });

  test("first is every command that help shows", () => {
    const { commands } = program();
    expect(offered("pcmc ")).toEqual([...commands.map((command) => command.name()), "help"]);
  });

  test("behind - is every flag of the command", () => {
    for (const command of program().commands) {
      const flags = command.options.flatMap(({ long, short }) => [long, short]).filter((flag) => flag !== undefined);
      expect(offered(`pcmc ${command.name()} -`)).toEqual([...flags, "--help", "-h"]);
    }
  });

  test("comes from the definitions, whatever they are", () => {
    const name = fc.stringMatching(/^[a-z]{2,8}$/);
    fc.assert(
      fc.property(name, name, fc.uniqueArray(name, { minLength: 1 }), (command, flag, choices) => {
        const defined = new Command("x").helpOption(false);
        defined.command(command).addOption(new Option(`--${flag} <value>`).choices(choices));
        expect(complete(defined, [command, `--${flag}`, ""]).candidates.map(({ value }) => value)).toEqual(choices);
        expect(complete(defined, [command, "--"]).candidates.map(({ value }) => value)).toContain(`--${flag}`);
      }),
    );
  });

  test("is written as kubectl reads it: a line each, with what it is behind a tab, then the directive", () => {
    expect(completionText(complete(program(), ["vers"]))).toBe(
      "version\tPrint the versions of pcmc and of Node.\n:4\n",
    );
    expect(completionText(complete(program(), ["validate", "-f", ""]))).toBe(":0\n");
  });

  test("for any words at all is something, and never an error", () => {
    const word = fc.constantFrom(
      "preview",
      "manager",
      "-f",
      "--pod",
      "-",
      "--",
      "--output=",
      "--output=j",
      "x",
      "",
      "=",
    );
    fc.assert(
      fc.property(fc.array(word), (words) => {
        expect(completionText(complete(program(), words))).toMatch(/^(.*\n)*:[04]\n$/);
      }),
    );
  });
});

/** What bash offers where the cursor is at the end of the line. */
const inBash = async (folder: Folder, words: readonly string[]) => {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const { stdout, stderr, code } = await folder.shell(
    `source <(pcmc completion bash); COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}
     "$(complete -p pcmc | sed 's/.*-F \\([^ ]*\\) .*/\\1/')"; printf '%s\\n' "\${COMPREPLY[@]}"`,
  );
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((line) => line !== "");
};

describe("bash", () => {
  test("offers what the program does", async () => {
    const folder = await Folder.with({});
    expect(await inBash(folder, ["pcmc", "val"])).toEqual(["validate"]);
    expect(await inBash(folder, ["pcmc", "preview", "--ou"])).toEqual(["--output"]);
    expect(await inBash(folder, ["pcmc", "preview", "-o", ""])).toEqual(["yaml", "json"]);
  });

  test("offers a value behind =, where it splits the word", async () => {
    const folder = await Folder.with({});
    expect(await inBash(folder, ["pcmc", "preview", "--output", "=", "j"])).toEqual(["json"]);
    expect(await inBash(folder, ["pcmc", "preview", "--output", "="])).toEqual(["yaml", "json"]);
  });

  test("offers files where a file can stand, names with blanks too, and nowhere else", async () => {
    const folder = await Folder.with({ "pcmc one.yaml": "", "pcmc.yaml": "", "pod.yaml": "" });
    expect((await inBash(folder, ["pcmc", "preview", "-f", "pcm"])).sort()).toEqual(["pcmc one.yaml", "pcmc.yaml"]);
    expect(await inBash(folder, ["pcmc", "preview", "-n", "p"])).toEqual([]);
  });
});

test.skipIf(!(await isInstalled("zsh")))("zsh loads its script, and completes with it", async () => {
  const folder = await Folder.with({});
  const { stdout } = await folder.shell(
    `zsh -fc 'autoload -U compinit; compinit -D; _describe() { print -l $candidates }; _files() { print FILES }
      source <(pcmc completion zsh)
      words=(pcmc preview -o ""); CURRENT=4; _pcmc; words=(pcmc preview -f ""); _pcmc'`,
  );
  expect(stdout).toBe("yaml:\njson:\nFILES\n");
});

test.skipIf(!(await isInstalled("fish")))("fish loads its script, and completes with it", async () => {
  const folder = await Folder.with({ "pod.yaml": "" });
  const { stdout } = await folder.shell(
    `fish -c 'pcmc completion fish | source
      complete -C "pcmc preview -o "; complete -C "pcmc preview --output=j"; complete -C "pcmc preview -f po"'`,
  );
  expect(stdout.split("\n")).toEqual(["json", "yaml", "--output=json", "pod.yaml", ""]);
});

describe("kubectl's plugin", () => {
  test("completes by the script that kubectl looks for, from a folder of links too", async () => {
    const folder = await Folder.with({});
    const { stdout } = await folder.shell(
      `ln -s ${BIN}/kubectl_complete-pcmc there; ./there; cp -P there kubectl_complete-pcmc; ./kubectl_complete-pcmc preview -o j`,
    );
    expect(stdout.endsWith("json\n:4\n")).toBe(true);
  });

  test("calls itself kubectl pcmc in its help, and pcmc calls itself pcmc", async () => {
    const folder = await Folder.with({});
    const plugin = await folder.shell("kubectl-pcmc preview --help");
    expect(plugin.stdout).toMatch(/^Usage: kubectl pcmc preview /);
    expect(plugin.stdout).toContain("  kubectl pcmc preview -f pcmc.yaml -n shop --diff\n");
    expect(plugin.stdout).toContain("-o yaml | kubectl pcmc preview ");
    expect((await folder.shell("pcmc preview --help")).stdout).toMatch(/^Usage: pcmc preview /);
  });
});
