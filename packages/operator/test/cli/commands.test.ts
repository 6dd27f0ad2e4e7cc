// Invariants of the command line: exit code 0 where a question was answered, 2 where flags or settings are wrong, with
// the reason on standard error; standard output holds answers only.

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { run } from "../../src/cli/commands.ts";
import { version } from "../../src/cli/version.ts";
import { agentSettingsList } from "../../src/settings/agent-table.ts";
import { settingsList } from "../../src/settings/table.ts";

const root = join(import.meta.dirname, "../../../..");

const runIn = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const io = {
    stdout: (text: string) => void stdout.push(text),
    stderr: (text: string) => void stderr.push(text),
    env,
  };
  const code = await run(args, io);
  return { code, stdout: stdout.join(""), stderr: stderr.join("") };
};

describe("pcmc", () => {
  test("version prints the version", async () => {
    const { code, stdout } = await runIn(["version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^pcmc ${version} \\(node \\d+\\..*\\)\n$`));
  });

  test.each([["--help"], ["manager --help"], ["--version"]])("%s is answered on standard output", async (line) => {
    const { code, stdout, stderr } = await runIn(line.split(" "));
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).not.toBe("");
  });

  test("alone shows what there is", async () => {
    const { code, stderr } = await runIn([]);
    expect(code).toBe(0);
    expect(stderr).toContain("manager");
  });

  test.each([
    ["an unknown command", ["nope"], "unknown command 'nope'"],
    ["an unknown flag", ["manager", "--nope"], "unknown option '--nope'"],
    ["a flag without its value", ["manager", "--metrics-addr"], "argument missing"],
    ["a stray word", ["version", "please"], "too many arguments"],
  ])("refuses %s with code 2", async (_, args, reason) => {
    const { code, stdout, stderr } = await runIn(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(reason);
  });
});

describe("pcmc manager", () => {
  test("tells all wrong settings at once, of flags and environment, with code 2", async () => {
    const args = ["manager", "--controller-max-retries", "-1", "--debug=maybe", "--metrics-addr=x"];
    const { code, stdout, stderr } = await runIn(args, { LOG_LEVEL: "loud" });
    expect([code, stdout]).toEqual([2, ""]);
    const lines = stderr.trimEnd().split("\n");
    expect(lines.map((line) => line.split("=")[0]).sort()).toEqual(
      ["--controller-max-retries", "--debug", "--metrics-addr", "LOG_LEVEL"].sort(),
    );
  });

  test("has a flag for each setting", async () => {
    const { stdout } = await runIn(["manager", "--help"]);
    for (const { setting } of settingsList) expect(stdout).toMatch(new RegExp(`^ +--${setting.flag} `, "m"));
  });
});

describe("pcmc agent", () => {
  test("tells all wrong settings at once, of flags and environment, with code 2", async () => {
    const args = ["agent", "--node-name=Not_A_Name", "--bpf-pin-dir=here", "--cgroup-root", "."];
    const { code, stdout, stderr } = await runIn(args, { METRICS_ADDR: "nowhere", LOG_FORMAT: "xml" });
    expect([code, stdout]).toEqual([2, ""]);
    const lines = stderr.trimEnd().split("\n");
    expect(lines.map((line) => line.split("=")[0]).sort()).toEqual(
      ["--bpf-pin-dir", "--cgroup-root", "--node-name", "LOG_FORMAT", "METRICS_ADDR"].sort(),
    );
  });

  test("has a flag for each setting", async () => {
    const { stdout } = await runIn(["agent", "--help"]);
    for (const { setting } of agentSettingsList) expect(stdout).toMatch(new RegExp(`^ +--${setting.flag} `, "m"));
  });

  test.each([
    ["behind it", ["agent", "uninstall", "--bpf-pin-dir=here"], {}, '--bpf-pin-dir="here"'],
    ["before it", ["agent", "--bpf-pin-dir=here", "uninstall"], {}, '--bpf-pin-dir="here"'],
    ["of the environment", ["agent", "uninstall"], { BPF_PIN_DIR: "here" }, 'BPF_PIN_DIR="here"'],
  ])("uninstall takes its folder from the flag %s", async (_, args, env, shown) => {
    const { code, stderr } = await runIn(args, { ...env, METRICS_ADDR: "not looked at" });
    expect(code).toBe(2);
    expect(stderr).toBe(
      `${shown}${shown.startsWith("--") ? " (BPF_PIN_DIR)" : ""}: must be an absolute path, such as /sys/fs/bpf/pcmc/v1\n`,
    );
  });
});

describe("bin/pcmc", () => {
  const folder = async () => {
    const path = await mkdtemp(join(tmpdir(), "pcmc cli-"));
    onTestFinished(() => rm(path, { recursive: true }));
    return path;
  };
  const call = promisify(execFile);

  test("runs through links, from any folder", async () => {
    const path = await folder();
    await symlink(join(root, "bin", "pcmc"), join(path, "first"));
    await symlink("first", join(path, "kubectl-pcmc"));
    const { stdout } = await call("./kubectl-pcmc", ["version"], { cwd: path });
    expect(stdout).toContain(`pcmc ${version}`);
  });

  test("says what to run where nothing is installed", async () => {
    const path = await folder();
    await mkdir(join(path, "bin"));
    await cp(join(root, "bin", "pcmc"), join(path, "bin", "pcmc"));
    const failure = call(join(path, "bin", "pcmc"), ["version"]);
    await expect(failure).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('run "npm install" or "make"'),
    });
  });

  test("exits with the code of the command", async () => {
    const env = { ...process.env, METRICS_ADDR: "nowhere" };
    const failure = call(join(root, "bin", "pcmc"), ["manager"], { env });
    await expect(failure).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^METRICS_ADDR="nowhere": /),
    });
  });
});
