/*
 * Invariants:
 * - Each ConfigMap is printed before the next is planned, and what is printed is whole at any time.
 * - Once the time is up, no more are printed, and each that is not is named; exit code 1. Printing has a tenth of it in any case.
 */
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { readInputs } from "../../../src/cli/preview/inputs.ts";
import { planOffline } from "../../../src/cli/preview/plan-offline.ts";
import { report } from "../../../src/cli/preview/report.ts";
import type { Scene } from "../../../src/cli/preview/scene.ts";
import { pcmc } from "../support.ts";

const configs = readInputs({
  files: [{ file: "c.yaml", text: pcmc("web") }],
  podFiles: undefined,
  namespace: undefined,
}).configs;
const scene: Scene = {
  namespace: "shop",
  pods: ["a", "b", "c"].map((name) => ({ metadata: { name, namespace: "shop", uid: `uid-of-${name}` } })),
  configs: configs.map(({ parsed }) => parsed),
  shown: new Set(["web"]),
};

type Asked = Parameters<typeof report>[1]["options"];

/** What is said by a clock that goes on from `start` by a second with each ConfigMap that is printed. */
const said = async (
  { start = 0, ...asked }: Partial<Asked> & { readonly start?: number },
  results = planOffline(scene, () => ({ ok: true, data: {} })),
) => {
  const parts: string[] = [];
  let stderr = "";
  const code = await report(
    { scenes: [{ scene, results }], syntax: new Map(), configs, notes: [] },
    {
      options: { color: "never", timeout: 2_000, ...asked },
      io: {
        stdout: (part) => void (part !== "" && parts.push(part)),
        stderr: (part) => {
          stderr += part;
        },
        env: {},
        isTerminal: false,
        uptime: () => start + parts.length * 1_000,
      },
    },
  );
  return { code, parts, stderr };
};

const late = (pod: string, limit = "2s") =>
  `Pod shop/${pod}, PodConfigMapConfig web: not shown within ${limit}: raise --timeout, or preview fewer Pods\n`;

test("what is not printed in time is named, and the rest is whole", async () => {
  const { code, parts, stderr } = await said({});
  expect([code, stderr]).toEqual([1, late("c")]);
  expect(parseAllDocuments(parts.join("")).map((one) => one.toJS().metadata.name)).toEqual([
    "pod-a-from-web-cfg",
    "pod-b-from-web-cfg",
  ]);
});

test("a list in JSON that has no time for all is a list", async () => {
  const { code, parts, stderr } = await said({ output: "json", timeout: 1_000 });
  expect([code, stderr]).toEqual([1, late("c", "1s")]);
  expect(JSON.parse(parts.join(""))).toMatchObject({ kind: "List", items: [{}, {}] });
});

test("a diff that has no time for all names the others", async () => {
  const { code, parts, stderr } = await said({ diff: true });
  expect([code, stderr]).toEqual([1, late("c")]);
  expect(parts.map((part) => part.split("\n")[1])).toEqual([
    "+++ preview/shop/pod-a-from-web-cfg",
    "+++ preview/shop/pod-b-from-web-cfg",
  ]);
});

test("where all of the time is gone before, there is a tenth of it to print what was rendered", async () => {
  const { code, parts, stderr } = await said({ timeout: 15_000, start: 60_000 });
  expect([code, parts.length, stderr]).toEqual([1, 2, late("c", "15s")]);
});

test("without any time, nothing is printed and all are named", async () => {
  expect(await said({ timeout: 0 })).toEqual({
    code: 1,
    parts: [],
    stderr: ["a", "b", "c"].map((pod) => late(pod, "0s")).join(""),
  });
});

test("a ConfigMap is printed before the next is planned", async () => {
  let isPlanned = true;
  const plan = planOffline(scene, () => ({ ok: true, data: {} }));
  const { code, parts } = await said({ timeout: 2_500 }, (isOver) =>
    plan(() => {
      isPlanned = !isOver();
      return !isPlanned;
    }),
  );
  expect([code, parts.length, isPlanned]).toEqual([0, 3, true]);
});

test("others have a turn between two ConfigMaps", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const pods = Array.from({ length: 200 }, (_, i) => ({ metadata: { name: `p${i}`, namespace: "shop", uid: `${i}` } }));
  await said(
    { timeout: 1_000_000 },
    planOffline({ ...scene, pods }, () => ({ ok: true, data: {} })),
  );
  clearInterval(timer);
  expect(turns).toBeGreaterThan(0);
});
