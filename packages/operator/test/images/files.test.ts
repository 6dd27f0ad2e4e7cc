/*
 * Invariants of what images are made of:
 * - a program comes with every library that it is linked to, and with those that these are linked to;
 * - nothing of another architecture gets in, and nothing that is missing goes unsaid;
 * - modes are the same whatever the umask and the sources' are;
 * - the flags that bin/pcmc gives Node are those of the images' entry points.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readElf } from "@pcmc/devcluster";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { agentOf, buildCommands, defaultBase } from "../../../../scripts/image-docker.ts";
import { librariesOf, type Machine, ownArchitecture, ownMachine } from "../../../../scripts/image-machine.ts";
import { metadataOf, timeOf } from "../../../../scripts/image-metadata.ts";
import { filesBelow, ImageTree, sizeBelow } from "../../../../scripts/image-tree.ts";

const pathOf = (file: string) => fileURLToPath(new URL(`../../../../${file}`, import.meta.url));
const onNode = process.platform === "linux" && ownArchitecture() !== undefined;
const skipped = onNode ? "" : " (skipped: it needs Linux on amd64 or arm64)";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pcmc-files-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

describe("the libraries of a program", () => {
  test.skipIf(!onNode)(`Node comes with all that it and they are linked to, and its dynamic linker${skipped}`, () => {
    const machine = ownMachine();
    const files = librariesOf(machine, [machine.node]);
    const names = new Set(files.map(({ path }) => path.split("/").at(-1)));
    for (const source of [machine.node, ...files.map((file) => file.source)]) {
      for (const needed of readElf(source)?.needed ?? []) expect(names).toContain(needed);
    }
    expect(files.map(({ path }) => path)).toContain(readElf(machine.node)?.interpreter);
    expect(files.map(({ path }) => path)).toEqual(files.map(({ path }) => path).toSorted());
  });

  test.skipIf(!onNode)(`a program of another architecture is refused${skipped}`, () => {
    const other: Machine = { ...ownMachine(), architecture: ownArchitecture() === "arm64" ? "amd64" : "arm64" };
    expect(() => librariesOf(other, [process.execPath])).toThrow(`not ${other.architecture}`);
  });

  test.skipIf(!onNode)(`a library that is not there is named${skipped}`, () => {
    expect(() => librariesOf({ ...ownMachine(), root: folder }, [process.execPath])).toThrow(
      /\.so\.\d+ for .* is not there/,
    );
  });
});

describe("a tree", () => {
  test("has the same modes for sources of whatever mode, under whatever umask", () => {
    const before = process.umask(0o077);
    try {
      const source = join(folder, "source");
      writeFileSync(source, "text");
      chmodSync(source, 0o700);
      const tree = new ImageTree(join(folder, "tree"));
      tree.copy(source, "/a/b/file");
      tree.write("/a/program", "text", 0o755);
      tree.folder("/tmp", 0o1777);
      const mode = (path: string) => (statSync(join(folder, "tree", path)).mode & 0o7777).toString(8);
      expect(["", "a", "a/b", "a/b/file", "a/program", "tmp"].map(mode)).toEqual([
        "755",
        "755",
        "755",
        "644",
        "755",
        "1777",
      ]);
    } finally {
      process.umask(before);
    }
  });

  test("lists its files sorted by their bytes, folders left out, and adds up their sizes", () => {
    mkdirSync(join(folder, "b"));
    for (const path of ["b/x", "a", "B", "b-"]) writeFileSync(join(folder, path), path);
    expect(filesBelow(folder)).toEqual(["B", "a", "b-", "b/x"]);
    expect(sizeBelow(folder)).toBe(1 + 1 + 2 + 3);
  });
});

describe("where an image says that it is from", () => {
  test("SOURCE_DATE_EPOCH and REVISION go before what git says", () => {
    const metadata = metadataOf({ SOURCE_DATE_EPOCH: "1700000000", REVISION: "abc" });
    expect(metadata).toEqual({ revision: "abc", epoch: 1_700_000_000 });
    expect(timeOf(metadata)).toBe("2023-11-14T22:13:20Z");
  });

  test("a time that is none is refused", () => {
    expect(() => metadataOf({ SOURCE_DATE_EPOCH: "today", REVISION: "abc" })).toThrow('not "today"');
  });
});

describe("names of images", () => {
  test.each([
    ["podconfigmap-controller:0.1.0", "podconfigmap-controller-agent:0.1.0"],
    ["registry.example.com:5000/team/pcmc:v1", "registry.example.com:5000/team/pcmc-agent:v1"],
  ])("the agent's beside %s is %s", (image, agent) => {
    expect(agentOf(image)).toBe(agent);
  });

  test.each(["pcmc", "registry.example.com:5000/pcmc", "pcmc@sha256:00"])("%s has no tag, and is refused", (image) => {
    expect(() => agentOf(image)).toThrow("IMG is NAME:TAG");
  });

  test("the base that Dockerfile names is distroless, with the Node that is pinned", () => {
    expect(defaultBase()).toContain(`distroless/nodejs${process.versions.node.split(".")[0]}-`);
  });
});

describe("what a builder is told", () => {
  const options = {
    image: "r.example.com/pcmc:1",
    base: undefined,
    architectures: ["amd64"],
    metadata: { revision: "abc", epoch: 1_700_000_000 },
  } as const;
  const both = { ...options, architectures: ["amd64", "arm64"] } as const;

  /** What follows a flag in each of the commands. */
  const argumentOf = (flag: string, commands: readonly (readonly string[])[]) =>
    commands.map((args) => args[args.indexOf(flag) + 1]);

  test.each(["docker", "podman", "buildah"] as const)("%s builds both targets, each by its name", (builder) => {
    const commands = buildCommands({ ...options, builder });
    expect(argumentOf("--target", commands)).toEqual(["agent", "manager"]);
    expect(argumentOf("--tag", commands)).toEqual(["r.example.com/pcmc-agent:1", "r.example.com/pcmc:1"]);
    expect(argumentOf("--platform", commands)).toEqual(["linux/amd64", "linux/amd64"]);
    expect(commands.map((args) => args.at(-1))).toEqual([".", "."]);
  });

  test.each(["podman", "buildah"] as const)("%s keeps the images of several platforms in a list of them", (builder) => {
    const commands = buildCommands({ ...both, builder });
    expect(argumentOf("--platform", commands)).toEqual(["linux/amd64,linux/arm64", "linux/amd64,linux/arm64"]);
    expect(argumentOf("--manifest", commands)).toEqual(["r.example.com/pcmc-agent:1", "r.example.com/pcmc:1"]);
    expect(commands.flat()).not.toContain("--tag");
  });

  test("docker keeps them under their tag", () => {
    expect(buildCommands({ ...both, builder: "docker" }).flat()).not.toContain("--manifest");
  });

  test("the base is Dockerfile's own when none is named", () => {
    const named = buildCommands({ ...options, builder: "buildah", base: "r.example.com/base:1" });
    expect(named.every((args) => args.includes("BASE=r.example.com/base:1"))).toBe(true);
    const unnamed = buildCommands({ ...options, builder: "buildah" });
    expect(unnamed.flat().filter((word) => word.startsWith("BASE="))).toEqual([]);
  });
});

test("the entry points give Node the flags of bin/pcmc", () => {
  const script = readFileSync(pathOf("bin/pcmc"), "utf8");
  const heaps = [...script.matchAll(/heap="([^"]*)"/g)].map(([, flags = ""]) => flags.split(" "));
  const [, common = ""] = /exec "\$node" \$heap (.*) \\$/m.exec(script) ?? [];
  const entries = [...readFileSync(pathOf("Dockerfile"), "utf8").matchAll(/^ENTRYPOINT (\[.*\])$/gm)];
  expect(entries.map(([, words = "[]"]) => JSON.parse(words))).toEqual(
    heaps.map((flags) => ["/nodejs/bin/node", ...flags, ...common.split(" "), "/pcmc/src/pcmc.js"]),
  );
  expect(heaps).toHaveLength(2);
});
