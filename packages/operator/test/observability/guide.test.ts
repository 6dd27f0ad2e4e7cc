/*
 * docs/how-to/monitor.md does what it says.
 *
 * Invariants:
 * - The configuration for a Prometheus without the operator is one that Prometheus takes, and selects the Pods and ports of the manifests.
 * - The commands about rules run as they stand there.
 * - The command for the Prometheus operator names values that the chart has.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "@pcmc/devcluster";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { ALERTS, path } from "./support/committed.ts";

const guide = readFileSync(path("docs/how-to/monitor.md"), "utf8");
const blocks = (language: string): readonly string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(([, text = ""]) => text);

/** Debian's Prometheus is built without it. */
const DISCOVERY = `    kubernetes_sd_configs:
      - role: pod
`;

const promtool = findProgram("promtool");
const skipped = promtool === undefined ? " (skipped: needs promtool, of the Debian package prometheus)" : "";

interface Scraping {
  readonly scrape_configs: readonly {
    readonly relabel_configs: readonly { readonly source_labels: readonly string[]; readonly regex?: string }[];
  }[];
}

describe.skipIf(promtool === undefined)(`promtool${skipped}`, () => {
  test("takes the configuration for a Prometheus without the operator", () => {
    const folder = mkdtempSync(join(tmpdir(), "pcmc-guide-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [config = "", relabeling = ""] = blocks("yaml");
    expect(config.split(DISCOVERY).length).toBe(3);
    const indented = relabeling.replaceAll(/^/gm, "    ").trimEnd();
    writeFileSync(
      join(folder, "prometheus.yml"),
      config.replaceAll(DISCOVERY, "").replace("rule_files:", `${indented}\nrule_files:`),
    );
    copyFileSync(ALERTS, join(folder, "alerts.yaml"));
    const { status, stdout, stderr } = spawnSync(promtool ?? "", ["check", "config", join(folder, "prometheus.yml")]);
    expect(status, `${stdout}${stderr}`).toBe(0);
  });

  test("does what the page has it do", { timeout: 300_000 }, () => {
    const lines =
      blocks("sh")
        .join("")
        .match(/^promtool .*$/gm) ?? [];
    expect(lines.length).toBe(2);
    for (const line of lines) {
      const { status, stdout, stderr } = spawnSync("sh", ["-c", line], { cwd: path(""), encoding: "utf8" });
      expect(status, `${line}: ${stdout}${stderr}`).toBe(0);
    }
  });
});

test("the configuration finds the Pods of the manifests by label and port", () => {
  const { scrape_configs }: Scraping = parse(blocks("yaml")[0] ?? "");
  const kept = scrape_configs.map(({ relabel_configs }) => relabel_configs[0]?.regex);
  const found = ["manifests/deployment.yaml", "manifests/agent.yaml"].flatMap((file) =>
    parseAllDocuments(readFileSync(path(file), "utf8")).flatMap((document) => {
      const { spec } = document.toJS() ?? {};
      const template = spec?.template;
      if (template === undefined) return [];
      const ports: readonly { readonly name: string }[] = template.spec.containers[0].ports;
      return ports.map(({ name }) => `${template.metadata.labels["app.kubernetes.io/name"]};${name}`);
    }),
  );
  for (const regex of kept) expect(found).toContain(regex);
});

test("the values that the page sets are values of the chart", () => {
  const values = parse(readFileSync(path("chart/values.yaml"), "utf8"));
  const set = [...guide.matchAll(/--set ([\w.]+)=|`((?:metrics|prometheusRule|dashboards)\.[\w.]+)/g)];
  expect(set.length).toBeGreaterThan(5);
  for (const [, flag, named] of set) {
    const name = (flag ?? named ?? "").replace(/\.release$/, "");
    const value = name.split(".").reduce((at, key) => at?.[key], values);
    expect([name, value === undefined]).toEqual([name, false]);
  }
});
