/*
 * Invariants:
 * - A write that leaves the spec alone passes without a question to anyone, whatever is stored.
 * - A write is refused exactly when it brings in something that is wrong, or that its author has no right to.
 * - An author of whom nothing is learned in time is refused in time, however short the API server waits.
 * - What is refused is told whole: each finding is a line of the message and a cause.
 */
import { availableParallelism } from "node:os";
import {
  type AdmissionRequest,
  type AdmissionResult,
  type Clock,
  type Denied,
  ForbiddenError,
} from "@pcmc/controller-runtime";
import { describe, expect, test, vi } from "vitest";
import { type Access, AccessReviews } from "../../src/admission/access-reviews.ts";
import { podConfigMapConfigHandler } from "../../src/admission/handler.ts";
import type { TemplateEngine } from "../../src/admission/template-engine.ts";
import { pcmc } from "../api/corpus.ts";
import { ManualClock } from "../ebpf/support/manual-clock.ts";
import { context, contextOf, createRequest, engineThatSays } from "./fixtures.ts";

const BAD = "{{ toYml . }}";
const badTemplate = { configMapDataTemplate: { "app.conf": BAD } };
const goodTemplate = { configMapDataTemplate: { "app.conf": "{{ .podName }}" } };
const error = { line: 1, column: 4, detail: 'function "toYml" not defined', suggestion: "toYaml" };

const create = (spec: unknown): AdmissionRequest => createRequest(pcmc("a", spec));
const update = (spec: unknown, before: unknown): AdmissionRequest => ({
  ...create(spec),
  operation: "UPDATE",
  oldObject: pcmc("a", before),
});

interface Scene {
  /** Whether the author has a right. Absent: authors are not asked. */
  readonly has?: (access: Access) => boolean;
}

class ScriptedReviews extends AccessReviews {
  readonly #has: (access: Access) => boolean;
  constructor(has: (access: Access) => boolean) {
    super({ client: { create: () => Promise.reject(new Error("not reached")) }, clock: { now: () => 0 } });
    this.#has = has;
  }
  override async allows(_: unknown, access: Access): Promise<boolean> {
    return this.#has(access);
  }
}

const ask = async (request: AdmissionRequest, { has }: Scene = {}) => {
  const { engine, asked } = engineThatSays({ [BAD]: { error } });
  const reviews = has && new ScriptedReviews(has);
  const result = await podConfigMapConfigHandler({ engine, reviews })(request, context);
  return { result, asked };
};

const denied = (result: AdmissionResult): Denied => {
  if (result.allowed) throw new Error("allowed");
  return result;
};

test("what could not be judged in time may be tried again; beside what is wrong it is wrong", async () => {
  const late = { line: 1, column: 1, detail: "took longer than 900 ms", reason: "deadline" } as const;
  const { engine } = engineThatSays({ slow: { error: late }, [BAD]: { error } });
  const handler = podConfigMapConfigHandler({ engine });
  const unjudged = denied(await handler(create({ configMapDataTemplate: { a: "slow" } }), context));
  expect(unjudged).toMatchObject({ code: 503, reason: "ServiceUnavailable" });
  const both = denied(await handler(create({ configMapDataTemplate: { a: "slow", b: BAD } }), context));
  expect(both).toMatchObject({ code: 422, reason: "Invalid" });
});

test("templates that the engine does not come to are refused in time, beside what is wrong", async () => {
  const clock = new ManualClock();
  const handler = podConfigMapConfigHandler({ engine: { compileAll: () => new Promise(() => {}) }, clock });
  const review = async (spec: unknown) => {
    const context = contextOf(4_500, clock);
    const result = handler(create(spec), context);
    await vi.waitUntil(() => clock.timers > 0);
    // Past that the API server goes on without an answer.
    clock.advance(4_499);
    return denied(await result);
  };
  const unjudged = await review(goodTemplate);
  expect(unjudged).toMatchObject({ code: 503, reason: "ServiceUnavailable" });
  expect(unjudged.causes).toEqual([
    {
      field: "spec.configMapDataTemplate[app.conf]",
      message: "could not be parsed in time: try again, or make it smaller (it was not looked at)",
    },
  ]);
  expect(await review({ ...goodTemplate, labelsToInclude: ["not ok"] })).toMatchObject({ code: 422 });
});

test("nobody's templates keep those of others waiting", async () => {
  const asked: string[] = [];
  const engine: TemplateEngine = {
    compileAll: (sources) => {
      asked.push(...Object.values(sources));
      return new Promise(() => {});
    },
  };
  const handler = podConfigMapConfigHandler({ engine });
  const write = (username: string, source: string) =>
    void handler(
      { ...create({ configMapDataTemplate: { a: source } }), userInfo: { username, groups: [] } },
      contextOf(Number.POSITIVE_INFINITY, new ManualClock()),
    );
  const workers = availableParallelism();
  for (let count = 0; count < workers + 5; count++) write("mallory", "slow");
  write("alice", "quick");
  await vi.waitUntil(() => asked.includes("quick"));
  expect(asked).toEqual([...Array<string>(workers).fill("slow"), "quick"]);
});

describe("passes without a look at it", () => {
  const bad = { ...badTemplate, labelsToInclude: ["not ok"] };
  const passing: readonly (readonly [string, AdmissionRequest])[] = [
    [
      "a label on a stored bad object",
      { ...update(bad, bad), object: { ...pcmc("a", bad), metadata: { labels: {} } } },
    ],
    ["a finalizer taken off", { ...update(bad, bad), object: { ...pcmc("a", bad), metadata: {} } }],
    ["a status", { ...update(bad, {}), subResource: "status" }],
    ["a deletion", { ...update(bad, bad), operation: "DELETE", object: undefined }],
    ["a connect", { ...update(bad, {}), operation: "CONNECT" }],
  ];
  test.each(passing)("%s", async (_, request) => {
    const has = () => {
      throw new Error("asked for rights");
    };
    const { result, asked } = await ask(request, { has });
    expect(result).toEqual({ allowed: true });
    expect(asked).toEqual([]);
  });
});

test("the caret stays below its character, whatever else looks like the end of a line", async () => {
  const source = "a\u2028b\r{{ toYml . }}";
  const { engine } = engineThatSays({ [source]: { error: { ...error, column: 8 } } });
  const { message } = denied(
    await podConfigMapConfigHandler({ engine })(create({ configMapDataTemplate: { a: source } }), context),
  );
  expect(message?.split("\n").slice(1)).toEqual([`    ${source}`, `    ${" ".repeat(7)}^`]);
});

test("a broken template is refused with its key, position, caret and cause", async () => {
  const status = denied((await ask(create(badTemplate))).result);
  expect(status).toEqual({
    allowed: false,
    code: 422,
    reason: "Invalid",
    message: [
      'spec.configMapDataTemplate[app.conf]:1:4: function "toYml" not defined: did you mean toYaml?',
      "    {{ toYml . }}",
      "       ^",
    ].join("\n"),
    causes: [
      {
        reason: "FieldValueInvalid",
        field: "spec.configMapDataTemplate[app.conf]",
        message: '1:4: function "toYml" not defined: did you mean toYaml?\n    {{ toYml . }}\n       ^',
      },
    ],
    warnings: [],
  });
});

test("all that is wrong is told, each with the reason of its kind", async () => {
  const spec = {
    ...badTemplate,
    podSelector: { matchExpressions: [{ key: "a", operator: "in" }] },
    labelsToInclude: "x",
  };
  const { message, causes } = denied((await ask(create(spec))).result);
  expect(message?.split("\n").filter((line) => line.startsWith("spec."))).toHaveLength(3);
  expect(causes.map(({ field, reason }) => `${field} ${reason}`)).toEqual([
    "spec.podSelector.matchExpressions[0].operator FieldValueNotSupported",
    "spec.labelsToInclude FieldValueTypeInvalid",
    "spec.configMapDataTemplate[app.conf] FieldValueInvalid",
  ]);
});

test("of very many findings the first fifty are told, and how many more there are", async () => {
  const spec = { labelsToInclude: Array.from({ length: 60 }, (_, index) => `not ok ${index}`) };
  const { message, causes } = denied((await ask(create(spec))).result);
  expect(causes).toHaveLength(50);
  expect(message?.split("\n").at(-1)).toBe("and 10 more");
});

test("warnings come with what is accepted, and with what is refused", async () => {
  const doubled = { labelsToInclude: ["a", "a"] };
  const warnings = ['spec.labelsToInclude: names "a" more than once: once is enough'];
  expect((await ask(create(doubled))).result).toEqual({ allowed: true, warnings });
  expect((await ask(create({ ...doubled, ...badTemplate }))).result).toMatchObject({ allowed: false, warnings });
});

test("the name is warned about when the object is created, and not again", async () => {
  const name = "n".repeat(64);
  const created = await ask({ ...create({}), object: pcmc(name, {}) });
  expect(created.result.warnings).toHaveLength(1);
  const updated = await ask({ ...update({}, { labelsToInclude: ["a"] }), object: pcmc(name, {}) });
  expect(updated.result.warnings ?? []).toEqual([]);
});

describe("what is stored and wrong already", () => {
  test("stays, as a warning, while something else changes", async () => {
    const { result } = await ask(update({ ...badTemplate, labelsToInclude: ["a"] }, badTemplate));
    expect(result).toEqual({
      allowed: true,
      warnings: [expect.stringContaining("stored already, and still wrong: function")],
    });
  });

  test("is not called wrong where there was no time for it", async () => {
    const late = { line: 1, column: 1, detail: "took longer than 900 ms", reason: "deadline" } as const;
    const { engine } = engineThatSays({ slow: { error: late } });
    const before = { configMapDataTemplate: { a: "slow" } };
    const request = update({ ...before, labelsToInclude: ["a"] }, before);
    expect(await podConfigMapConfigHandler({ engine })(request, context)).toEqual({
      allowed: true,
      warnings: [expect.stringContaining("stored already, and not looked at anew: could not be parsed in time")],
    });
  });

  test("is refused once it is changed and still wrong", async () => {
    const changed = { configMapDataTemplate: { "app.conf": BAD, other: BAD } };
    const { result } = await ask(update(changed, badTemplate));
    expect(denied(result).causes.map(({ field }) => field)).toEqual(["spec.configMapDataTemplate.other"]);
  });

  test("is refused as an item of a list that changed, as in the API server", async () => {
    const { result } = await ask(update({ labelsToInclude: ["not ok", "b"] }, { labelsToInclude: ["not ok"] }));
    expect(result.allowed).toBe(false);
  });
});

test("a field of a newer CRD is a warning, not an error: the API server has judged it", async () => {
  const { result } = await ask(create({ ebpfConfig: { newField: true } }));
  expect(result).toEqual({
    allowed: true,
    warnings: ["spec.ebpfConfig.newField: has no effect: this version of the controller does not know the field"],
  });
});

describe("an author", () => {
  const firewall = { ebpfConfig: { l4Firewall: { enabled: true, blockedPorts: [22] } } };

  test("with the rights is not in the way", async () => {
    const { result } = await ask(create({ ...goodTemplate, ...firewall }), { has: () => true });
    expect(result).toEqual({ allowed: true, warnings: [] });
  });

  test("without them is refused, told which, and for which field", async () => {
    const status = denied((await ask(create({ ...goodTemplate, ...firewall }), { has: () => false })).result);
    expect(status).toMatchObject({ code: 403, reason: "Forbidden" });
    expect(status.message?.split("\n")).toEqual([
      'spec.configMapDataTemplate: alice needs the right "get" on pods in namespace default, because templates can copy all of a Pod: ask an administrator for it, or leave the field as it was',
      'spec.ebpfConfig: alice needs the right "enforce" on podconfigmapconfigs.podconfig.example.com in namespace default, because ebpfConfig decides over the traffic of Pods: ask an administrator for it, or leave the field as it was',
    ]);
  });

  test("is asked for the right that is needed, and for no other", async () => {
    const has = ({ verb }: Access) => verb === "get";
    expect((await ask(create(goodTemplate), { has })).result.allowed).toBe(true);
    expect((await ask(create(firewall), { has })).result.allowed).toBe(false);
  });

  test("without them gets nothing compiled", async () => {
    const { result, asked } = await ask(create(badTemplate), { has: () => false });
    expect(denied(result).causes.map(({ field, reason }) => `${field} ${reason}`)).toEqual([
      "spec.configMapDataTemplate FieldValueForbidden",
    ]);
    expect(asked).toEqual([]);
  });

  test("of whom nothing can be learned is refused for now, and told why", async () => {
    const has = () => {
      throw new Error("connection refused");
    };
    const status = denied((await ask(create(goodTemplate), { has })).result);
    expect(status).toMatchObject({ code: 503, reason: "ServiceUnavailable" });
    expect(status.message).toContain("try again (connection refused)");
  });

  test("of whom nothing is learned before the API server goes on without us is refused in time", async () => {
    const timers: { readonly delay: number; readonly callback: () => void }[] = [];
    const clock: Clock = {
      now: () => 0,
      date: () => new Date(0),
      after: (delay, callback) => {
        timers.push({ delay, callback });
        return { cancel: () => {} };
      },
    };
    const reviews = new AccessReviews({ client: { create: () => new Promise(() => {}) }, clock });
    const { engine } = engineThatSays();
    const handler = podConfigMapConfigHandler({ engine, reviews, clock });
    // What a webhook with `timeoutSeconds: 1` has.
    const result = handler(create(goodTemplate), contextOf(900, clock));
    // Of the review, and of the question.
    expect(timers.map(({ delay }) => delay)).toEqual([900, 720]);
    timers[1]?.callback();
    const status = denied(await result);
    expect(status).toMatchObject({ code: 503, reason: "ServiceUnavailable" });
    expect(status.message).toContain("the question for the author's rights: no result within 0.72 s");
  });

  test("is told of the administrator's part where the controller may not ask", async () => {
    const has = () => {
      throw new ForbiddenError({ status: { code: 403, message: "no" }, request: "POST /x" });
    };
    const status = denied((await ask(create(goodTemplate), { has })).result);
    expect(status.message).toContain("grant the controller create on subjectaccessreviews.authorization.k8s.io");
  });

  test("who needs no right is not held up by that", async () => {
    const has = () => {
      throw new Error("connection refused");
    };
    expect((await ask(create({ labelsToInclude: ["a"] }), { has })).result.allowed).toBe(true);
  });

  test("is not asked where that is off", async () => {
    expect((await ask(create({ ...goodTemplate, ...firewall }))).result.allowed).toBe(true);
  });
});
