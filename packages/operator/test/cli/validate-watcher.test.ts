/*
 * `pcmc validate` of Watchers.
 *
 * Invariants:
 * - What is wrong with a container or a volume is told with its place in the file, as all else.
 * - A Watcher is told by its kind or its group, misspelt too.
 */
import { describe, expect, test } from "vitest";
import { Folder, pcmc } from "./support.ts";

const validate = async (files: Record<string, string>, line = "-f ./w.yaml") =>
  (await Folder.with(files)).run(`validate ${line}`);

const watcher = (spec: string, kind = "Watcher") => `apiVersion: watch.example.com/v1alpha1
kind: ${kind}
metadata:
  name: logs
spec:
${spec}`;

const sound = `  container:
    name: logs
    image: registry.example.com/logs:1
`;

test("what would be stored gives no output, whatever kinds there are", async () => {
  const files = { "w.yaml": `${watcher(sound)}---\n${pcmc("web")}` };
  expect(await validate(files)).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("each fault is told with its place", async () => {
  const spec = `  container:
    name: Logs
    image: registry.example.com/logs:1
    imag: x
    env:
    - name: LEVEL
      value: 1
    volumeMounts:
    - name: files
      mountPath: /files
  configBinaryData:
    a: "no base64"
`;
  const { code, stdout } = await validate({ "w.yaml": watcher(spec) });
  expect(code).toBe(1);
  expect(stdout.split("\n").map((line) => line.replace(/^(\S+: \S+: ).*/, "$1").trim())).toEqual([
    "./w.yaml:7:11: spec.container.name:",
    "./w.yaml:9:5: spec.container.imag:",
    "./w.yaml:12:14: spec.container.env[0].value:",
    "./w.yaml:17:8: spec.configBinaryData.a:",
    "",
  ]);
});

test("rules between fields are told once the fields are sound", async () => {
  const spec = `${sound}    volumeMounts:\n    - name: files\n      mountPath: /files\n`;
  const { code, stdout } = await validate({ "w.yaml": watcher(spec) });
  expect(code).toBe(1);
  expect(stdout).toMatch(/^[.]\/w[.]yaml:9:5: spec[.]container[.]volumeMounts: a mount refers to no volume/);
});

test("warnings count with --strict only", async () => {
  const files = { "w.yaml": watcher(`${sound}  volume:\n    name: files\n`) };
  expect(await validate(files)).toMatchObject({ code: 0, stdout: expect.stringContaining("spec.volume: warning: ") });
  expect(await validate(files, "-f ./w.yaml --strict")).toMatchObject({ code: 1 });
});

describe("is told to be a Watcher:", () => {
  test.each([
    ["one with a misspelt kind", watcher(sound, "Wacher"), "kind: must be Watcher"],
    ["one with a small letter", watcher(sound, "watcher"), "kind: must be Watcher"],
    [
      "one of another version",
      watcher(sound).replace("v1alpha1", "v1"),
      "apiVersion: must be watch.example.com/v1alpha1",
    ],
  ])("%s", async (_, text, says) => {
    expect(await validate({ "w.yaml": text })).toMatchObject({ code: 1, stdout: expect.stringContaining(says) });
  });
});
