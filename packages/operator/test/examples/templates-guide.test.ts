/*
 * docs/how-to/write-templates.md: what it says is so.
 *
 * Invariants:
 * - Each block is a file, a command that is run, or what that prints (those that need a cluster: templates.integration.test.ts).
 * - Each template in a table gives what the table says, or reads it, of the Pod of the page.
 * - The functions are those that there are, no more and no less.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createEngine, excludedFunctions, functionNames, type Reads, TemplateError } from "@pcmc/gotemplate";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { templateData } from "../../src/podconfigmap/template-data.ts";
import { codes, files, guideFolder, isLive, languages, links, ROOT, rows, runIn, sessions } from "./guide.ts";

let engine: ReturnType<typeof createEngine>;
beforeAll(async () => {
  engine = createEngine();
  // The first takes the start of the engine on itself: the others are about templates.
  await engine.compile("", { deadline: 60_000 });
});
afterAll(() => engine?.close());

describe("a block", () => {
  test("is a file with a name, a command, or what it prints", () => {
    expect([...languages].sort()).toEqual(["sh", "text", "yaml"]);
    expect(Object.keys(files)).toEqual(["pcmc.yaml", "pod.yaml", "broken.yaml", "strict.yaml"]);
  });

  test.each(sessions.filter((session) => !isLive(session)))("$script", async (session) => {
    const { code, stdout } = await runIn(await guideFolder(), session);
    if (session.output === undefined)
      expect([code, stdout === "" || stdout.startsWith("apiVersion:")]).toEqual([0, true]);
    else expect(stdout).toBe(session.output);
  });
});

test("each link leads to something that is there", () => {
  expect(links.length).toBeGreaterThan(10);
  for (const link of links) expect([link, existsSync(join(ROOT, "docs/how-to", link))]).toEqual([link, true]);
});

describe("a template", () => {
  const pod = JSON.parse(JSON.stringify(templateData(parse(files["pod.yaml"] ?? ""), "web")));
  const outcome = async (source: string): Promise<string> => {
    try {
      const text = await (await engine.compile(source)).render(pod);
      return text === "" ? "nothing" : `\`${text.replaceAll("\n", "⏎")}\``;
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return `fails: \`${error.message.trim()}\``;
    }
  };
  const cases = rows("template", "gives").map(({ template = "", gives }) => ({
    source: codes(template)[0] ?? "",
    gives,
  }));

  test.each(cases)("$source", async ({ source, gives }) => {
    expect(await outcome(source)).toBe(gives);
  });

  const text = (reads: Reads): string =>
    reads.kind === "whole" ? "everything" : reads.paths.map((path) => `\`.${path.join(".")}\``).join(" ");

  test.each(rows("template", "reads"))("$template reads $reads", async ({ template, reads }) => {
    expect(text((await engine.compile(codes(template)[0] ?? "")).reads)).toBe(reads);
  });
});

describe("the functions", () => {
  test("are all in one group each", () => {
    const listed = rows("group", "functions").flatMap(({ functions }) => codes(functions));
    expect(listed.toSorted()).toEqual(functionNames);
  });

  test("that are left out are told with the reason", () => {
    const listed = rows("it ...", "functions").flatMap(({ "it ...": why, functions }) =>
      codes(functions).map((name) => ({ name, why })),
    );
    expect(listed).toEqual(excludedFunctions);
  });
});
