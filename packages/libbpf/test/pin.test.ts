/**
 * Invariants:
 * - what is pinned outlives every handle, and is opened again as what it is;
 * - nothing is pinned, and no folder made, outside a BPF file system;
 * - a pin is replaced without a moment in which there is none.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  BpfError,
  BpfLink,
  BpfMap,
  BpfProgram,
  isOnBpffs,
  makePinFolder,
  NotBpffsError,
  openObject,
  unpin,
} from "../src/index.ts";
import { run, temporaryFolder } from "./support/clang.ts";
import { makeCgroup, mountBpffs, onKernel } from "./support/machine.ts";
import { packet, testObjects, thrown } from "./support/objects.ts";

const object = testObjects("counting");

const array = (name = "pinned"): BpfMap =>
  BpfMap.create({ type: "array", name, keySize: 4, valueSize: 8, maxEntries: 1 });

onKernel("a pin", () => {
  test("keeps a map and its content", () => {
    using bpffs = mountBpffs();
    const path = join(bpffs.path, "map");
    {
      using map = array();
      map.update(0, 42n);
      map.pin(path);
    }
    using again = BpfMap.openPinned(path);
    expect(again.lookup(0)?.readBigUInt64LE()).toBe(42n);
  });

  test("keeps a program", () => {
    using bpffs = mountBpffs();
    const path = join(bpffs.path, "program");
    {
      using counting = openObject(object("counting")).load();
      counting.program("egress").pin(path);
    }
    using program = BpfProgram.openPinned(path);
    expect(program.testRun({ dataIn: packet() }).retval).toBe(1);
    expect(program.attachType).toBeUndefined();
  });

  test("is made in a folder that is made for it", () => {
    using bpffs = mountBpffs();
    const folder = join(bpffs.path, "pcmc/v1/pods/1");
    makePinFolder(folder);
    makePinFolder(folder);
    using map = array();
    map.pin(join(folder, "map"));
    expect(readdirSync(folder)).toEqual(["map"]);
  });

  test("does not take another's place unless it is told to", () => {
    using bpffs = mountBpffs();
    const path = join(bpffs.path, "map");
    using first = array("first");
    using second = array("second");
    first.pin(path);
    const error = thrown(BpfError, () => second.pin(path));
    expect(error.code).toBe("EEXIST");
    expect(error.hint).toMatch(/replace/);
    second.pin(path, { replace: true });
    // Some kernels put files of their own into each BPF file system: maps.debug, progs.debug.
    expect(readdirSync(bpffs.path).filter((name) => !name.endsWith(".debug"))).toEqual(["map"]);
    using found = BpfMap.openPinned(path);
    expect(found.id).toBe(second.id);
  });

  test("replaces nothing as well", () => {
    using bpffs = mountBpffs();
    const path = join(bpffs.path, "map");
    using map = array();
    map.pin(path, { replace: true });
    expect(existsSync(path)).toBe(true);
  });

  test("is taken away once", () => {
    using bpffs = mountBpffs();
    const path = join(bpffs.path, "map");
    using map = array();
    map.pin(path);
    expect(unpin(path)).toBe(true);
    expect(unpin(path)).toBe(false);
    expect(thrown(BpfError, () => BpfMap.openPinned(path)).code).toBe("ENOENT");
  });

  test("is opened only as what it is", () => {
    using bpffs = mountBpffs();
    using cgroup = makeCgroup();
    using counting = openObject(object("counting")).load();
    const at = (name: string) => join(bpffs.path, name);
    counting.map("slots").pin(at("map"));
    counting.program("egress").pin(at("prog"));
    using link = counting.program("egress").attachCgroup(cgroup.path);
    link.pin(at("link"));
    const openers = { map: BpfMap.openPinned, prog: BpfProgram.openPinned, link: BpfLink.openPinned };
    for (const [kind, open] of Object.entries(openers))
      for (const path of Object.keys(openers)) {
        if (kind === path) {
          using opened = open(at(path));
          expect(opened.fd).toBeGreaterThan(2);
          continue;
        }
        const error = thrown(BpfError, () => open(at(path)));
        expect([error.code, error.hint]).toEqual(["EINVAL", `it is a ${path}, not a ${kind}`]);
      }
  });

  test("of a map of another shape is refused", () => {
    using bpffs = mountBpffs();
    const path = join(bpffs.path, "map");
    using map = array();
    map.pin(path);
    using same = BpfMap.openPinned(path, { expect: { type: "array", valueSize: 8 } });
    expect(same.id).toBe(map.id);
    const error = thrown(BpfError, () => BpfMap.openPinned(path, { expect: { type: "array", valueSize: 16 } }));
    expect(error.hint).toBe("its valueSize is 8, not 16");
  });

  test("of a map can be opened for reading only", () => {
    using bpffs = mountBpffs();
    const path = join(bpffs.path, "map");
    using map = array();
    map.pin(path);
    using reader = BpfMap.openPinned(path, { access: "read" });
    expect(reader.lookup(0)?.readBigUInt64LE()).toBe(0n);
    expect(thrown(BpfError, () => reader.update(0, 1n)).code).toBe("EPERM");
  });

  test("has no dot in its name", () => {
    using bpffs = mountBpffs();
    using map = array();
    const error = thrown(BpfError, () => map.pin(join(bpffs.path, "map.v1")));
    expect([error.code, error.hint]).toEqual(["EPERM", expect.stringMatching(/dot/)]);
  });

  test("is not made where the file system is read-only", () => {
    using bpffs = mountBpffs();
    using map = array();
    map.pin(join(bpffs.path, "map"));
    run("mount", "-o", "remount,ro", bpffs.path);
    for (const use of [
      () => makePinFolder(join(bpffs.path, "folder")),
      () => map.pin(join(bpffs.path, "other")),
      () => map.pin(join(bpffs.path, "map"), { replace: true }),
      () => unpin(join(bpffs.path, "map")),
    ])
      expect(thrown(BpfError, use)).toMatchObject({ code: "EROFS", hint: expect.stringMatching(/read-only/) });
  });

  test("is not made where its folder is missing", () => {
    using bpffs = mountBpffs();
    using map = array();
    expect(thrown(BpfError, () => map.pin(join(bpffs.path, "missing/map"))).code).toBe("ENOENT");
  });
});

onKernel("a path that is not on a BPF file system", () => {
  test.each(["/proc/self/pcmc/v1", "/proc/pcmc", "/sys/pcmc/v1", "/tmp/pcmc/v1"])(
    "is refused, and nothing made: %s",
    (path) => {
      using map = array();
      expect(isOnBpffs(path)).toBe(false);
      for (const use of [
        () => makePinFolder(path),
        () => map.pin(path),
        () => unpin(path),
        () => BpfMap.openPinned(path),
        () => BpfProgram.openPinned(path),
        () => BpfLink.openPinned(path),
      ])
        expect(thrown(NotBpffsError, use).message).toBe(
          `${path} is not on a BPF file system: mount -t bpf bpf /sys/fs/bpf`,
        );
      expect(existsSync(path)).toBe(false);
    },
  );

  test("is one where the file system was unmounted", () => {
    using folder = temporaryFolder();
    expect(isOnBpffs(folder.path)).toBe(false);
    using bpffs = mountBpffs();
    expect(isOnBpffs(join(bpffs.path, "not/there/yet"))).toBe(true);
  });
});
