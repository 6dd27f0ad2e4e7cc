/*
 * The committed alerts, tried by promtool as Prometheus would evaluate them.
 *
 * Invariants:
 * - promtool takes the file; a name is there once, says how urgent it is, and what to do.
 * - Each alert fires in a test where it should, with the text that people get, and is quiet in another that comes near.
 * - Runbooks: one for each alert, none for what is no alert, found under the alert's name; its commands and headings are those
 *   that somebody at night expects in the same place.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "@pcmc/devcluster";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { RUNBOOKS as RUNBOOKS_URL } from "../../../../scripts/alerts.ts";
import { ALERTS, path, RULE_TESTS, RUNBOOKS, rules } from "./support/committed.ts";

const promtool = findProgram("promtool");
const skipped = promtool === undefined ? " (skipped: needs promtool, of the Debian package prometheus)" : "";
const files = readdirSync(RULE_TESTS).map((file) => `${RULE_TESTS}/${file}`);

interface RuleTest {
  readonly name: string;
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly object[] }[];
}
const ruleTests = files.flatMap((file) => {
  const { tests }: { readonly tests: readonly RuleTest[] } = parse(readFileSync(file, "utf8"));
  return tests;
});

describe.skipIf(promtool === undefined)(`promtool${skipped}`, () => {
  const run = (...args: readonly string[]) => spawnSync(promtool ?? "", args, { encoding: "utf8" });

  test("takes the alerts", () => {
    expect(run("check", "rules", ALERTS)).toMatchObject({ status: 0, stderr: "" });
  });

  test.each(files.map((file) => [file.slice(RULE_TESTS.length + 1), file]))(
    "agrees with %s",
    { timeout: 180_000 },
    (_, file) => {
      const { status, stdout, stderr } = run("test", "rules", file);
      expect(status, `${stdout}${stderr}`).toBe(0);
    },
  );

  test("says so where an alert does not do what a test expects", { timeout: 180_000 }, () => {
    const right = readFileSync(`${RULE_TESTS}/process.yaml`, "utf8").replace(
      "../../../../../chart/files/alerts.yaml",
      ALERTS,
    );
    const broken = right.replace('"440+0x60"', '"499+0x60"');
    expect(broken).not.toBe(right);
    const folder = mkdtempSync(join(tmpdir(), "pcmc-rules-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    // A file: what a child has as its standard input is a socket, which promtool cannot open.
    const judge = (text: string) => {
      writeFileSync(join(folder, "rules.yaml"), text);
      return run("test", "rules", join(folder, "rules.yaml"));
    };
    expect(judge(right).status).toBe(0);
    const { status, stdout, stderr } = judge(broken);
    expect([status, `${stdout}${stderr}`]).toEqual([1, expect.stringContaining("PcmcMemoryNearLimit")]);
  });
});

describe.each(rules().map((rule) => [rule.alert, rule] as const))("%s", (name, rule) => {
  const about = ruleTests.flatMap((one) => one.alert_rule_test.filter(({ alertname }) => alertname === name));

  test("is tested where it fires, and where it nearly does", () => {
    expect(about.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true);
    const quiet = ruleTests.filter(({ alert_rule_test }) =>
      alert_rule_test.every(({ alertname, exp_alerts }) => alertname === name && exp_alerts.length === 0),
    );
    expect(quiet.map((one) => one.name)).not.toEqual([]);
  });

  test("says how urgent it is, what is wrong, and where more is told", () => {
    expect(["critical", "warning"]).toContain(rule.labels.severity);
    expect(rule.annotations.summary).not.toContain("{{");
    expect(rule.annotations.description.length).toBeGreaterThan(rule.annotations.summary.length);
    const words = name.split(/(?<=[a-z0-9])(?=[A-Z])/).map((word) => word.toLowerCase());
    expect(rule.annotations.runbook_url).toBe(`${RUNBOOKS_URL}/${words.join("-")}.md`);
  });

  test("has a runbook that says what it means, how to look, how to mend and when to be silent", () => {
    const file = `${RUNBOOKS}/${rule.annotations.runbook_url.slice(RUNBOOKS_URL.length + 1)}`;
    expect(existsSync(file), file).toBe(true);
    const text = readFileSync(file, "utf8");
    expect(text.split("\n")[0]).toBe(`# ${name}`);
    const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(["Meaning", "Impact", "Diagnosis", "Mending", "Silencing"]);
    expect(text.split("## Diagnosis")[1]?.split("## Mending")[0]).toContain("```sh\n");
    expect(text).toContain(`\`${rule.labels.severity}\``);
  });
});

test("no two alerts have one name", () => {
  const names = rules().map(({ alert }) => alert);
  expect(names).toEqual([...new Set(names)]);
});

test("no runbook is about something else", () => {
  const named = rules().map(({ annotations }) => annotations.runbook_url.slice(RUNBOOKS_URL.length + 1));
  expect(
    readdirSync(RUNBOOKS)
      .filter((file) => file !== "README.md")
      .sort(),
  ).toEqual(named.sort());
});

test("the table of runbooks has them all, each with what it says", () => {
  const table = readFileSync(`${RUNBOOKS}/README.md`, "utf8");
  for (const { alert, annotations, labels } of rules()) {
    const file = annotations.runbook_url.slice(RUNBOOKS_URL.length + 1);
    expect(table).toContain(`| [${alert}](${file}) | ${labels.severity} | ${annotations.summary} |`);
  }
});

test("the chart's value for runbooks is the place that the alerts name", () => {
  const { prometheusRule } = parse(readFileSync(path("chart/values.yaml"), "utf8"));
  expect(prometheusRule.runbookUrl).toBe(RUNBOOKS_URL);
});

test("each link of a runbook leads to a file", () => {
  for (const file of readdirSync(RUNBOOKS)) {
    const text = readFileSync(`${RUNBOOKS}/${file}`, "utf8");
    const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link = ""]) => link);
    const dead = links.filter((link) => !existsSync(new URL(link, `file://${RUNBOOKS}/${file}`)));
    expect([file, dead]).toEqual([file, []]);
  }
});

test("the dashboards and alerts name runbooks that there are", () => {
  const texts = execFileSync(
    "cat",
    readdirSync(path("chart/dashboards")).map((file) => path(`chart/dashboards/${file}`)),
  );
  const named = [...texts.toString().matchAll(/runbooks? (pcmc-[a-z-]+)/g)].map(([, runbook = ""]) => runbook);
  expect(named.filter((runbook) => !existsSync(`${RUNBOOKS}/${runbook}.md`))).toEqual([]);
});
