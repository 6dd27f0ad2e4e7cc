/*
 * Invariants:
 * - Ids are unique, and each stands in the docs under a heading of its own, with what to do.
 * - JSON has every field of every finding, whatever became of it; text has a line for each, and one below it with what to do.
 * - Colours only where they are asked for.
 */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { CHECKS, SECTIONS, sectionOf } from "../../../src/cli/doctor/checks.ts";
import { doctorReference } from "../../../src/cli/doctor/reference.ts";
import { anchorOf, type Finding, jsonOf, textOf } from "../../../src/cli/doctor/report.ts";

const DOCS = new URL("../../../../../docs/reference/doctor.md", import.meta.url);

const findings: readonly Finding[] = [
  { id: "cluster.version", status: "ok", message: "fine" },
  { id: "cluster.clock", status: "warning", message: "late", remedy: "set it" },
  { id: "crds.present", status: "failed", message: "gone", remedy: "apply it" },
  { id: "agents.nodes", status: "skipped", message: "not seen" },
];

describe("checks", () => {
  test("have ids of their own, in sections that stand together, in their order", () => {
    const ids = CHECKS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const order = [...new Set(CHECKS.map(sectionOf))];
    expect(order).toEqual(SECTIONS);
    expect(CHECKS.map(sectionOf)).toEqual(
      order.flatMap((section) => CHECKS.map(sectionOf).filter((each) => each === section)),
    );
  });

  test("each has a heading in the docs, where its anchor leads", async () => {
    const docs = await readFile(DOCS, "utf8");
    expect(docs).toBe(doctorReference());
    const headings = [...docs.matchAll(/^### (.*)$/gm)].map(([, heading = ""]) => heading);
    expect(headings).toEqual(CHECKS.map(({ id }) => id));
    // As GitHub makes anchors: lower case, punctuation but hyphens away, blanks to hyphens.
    expect(
      headings.map((heading) =>
        heading
          .toLowerCase()
          .replace(/[^\w -]/g, "")
          .replaceAll(" ", "-"),
      ),
    ).toEqual(CHECKS.map(({ id }) => anchorOf(id)));
  });
});

test("JSON has the same fields for every finding", () => {
  expect(JSON.parse(jsonOf(findings))).toEqual({
    checks: [
      {
        id: "cluster.version",
        section: "cluster",
        status: "ok",
        message: "fine",
        remedy: "",
        docs: "docs/reference/doctor.md#clusterversion",
      },
      {
        id: "cluster.clock",
        section: "cluster",
        status: "warning",
        message: "late",
        remedy: "set it",
        docs: "docs/reference/doctor.md#clusterclock",
      },
      {
        id: "crds.present",
        section: "crds",
        status: "failed",
        message: "gone",
        remedy: "apply it",
        docs: "docs/reference/doctor.md#crdspresent",
      },
      {
        id: "agents.nodes",
        section: "agents",
        status: "skipped",
        message: "not seen",
        remedy: "",
        docs: "docs/reference/doctor.md#agentsnodes",
      },
    ],
  });
});

test("text has sections, lines with their signs, what to do below them, and a summary", () => {
  expect(textOf(findings, { colors: false })).toBe(`Cluster
  ✓ fine
  ! late [cluster.clock]
      set it

Custom resource definitions
  ✗ gone [crds.present]
      apply it

Node agents
  - not seen [agents.nodes]

1 failed, 1 warning, 1 skipped, 1 ok
`);
});

test("colours change nothing but colours", () => {
  const colored = textOf(findings, { colors: true });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what colours are made of
  expect(colored.replace(/\u001b\[\d+m/g, "")).toBe(textOf(findings, { colors: false }));
  expect(colored).toContain("\u001b[31m✗\u001b[0m");
});
