/**
 * Invariants:
 * - an object that was loaded gives its maps and programs; closing it closes all of them, and nothing else;
 * - global variables have the values that were asked for, or nothing is opened;
 * - whatever the kernel or libbpf refuses is a typed error that names the part at fault and keeps libbpf from printing.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BpfError, BpfMap, ClosedError, openObject, possibleCpus, VerifierError } from "../src/index.ts";
import { temporaryFolder } from "./support/clang.ts";
import { onKernel } from "./support/machine.ts";
import { packet, testObjects, thrown, tracepointArguments } from "./support/objects.ts";

const object = testObjects("counting", "core", "refused");

onKernel("an object", () => {
  test("lists the maps and programs of its source", () => {
    using counting = openObject(object("counting"));
    expect(counting.name).toBe("counting");
    expect(counting.programNames.toSorted()).toEqual(["egress", "ingress", "inner_value", "on_call"]);
    expect(counting.mapNames.toSorted()).toEqual(["counting.data", "counting.rodata", "counts", "policies", "slots"]);
  });

  test("is opened from bytes as from a file", () => {
    using counting = openObject(readFileSync(object("counting")), { name: "mine" }).load();
    expect(counting.name).toBe("mine");
    expect(counting.program("egress").testRun({ dataIn: packet() }).retval).toBe(1);
  });

  test("describes its maps as the source does", () => {
    using counting = openObject(object("counting")).load();
    const { type, keySize, valueSize, maxEntries, perCpu } = counting.map("counts");
    expect({ type, keySize, valueSize, maxEntries, perCpu }).toEqual({
      type: "percpu_array",
      keySize: 4,
      valueSize: 16,
      maxEntries: 8,
      perCpu: true,
    });
  });

  test("has the constants that it was opened with", () => {
    using counting = openObject(object("counting"), { rodata: { verdict: 0 } }).load();
    expect(counting.program("egress").testRun({ dataIn: packet() }).retval).toBe(0);
  });

  test("keeps the constants that were not named", () => {
    using counting = openObject(object("counting"), { rodata: { wanted_call: 7n } }).load();
    expect(counting.program("egress").testRun({ dataIn: packet() }).retval).toBe(1);
    counting.program("on_call").testRun({ ctxIn: tracepointArguments(0n, 7n) });
    counting.program("on_call").testRun({ ctxIn: tracepointArguments(0n, 39n) });
    expect(counting.map("counts").sumPerCpu(1)?.[0]).toBe(1n);
  });

  test("sets variables of every section, as numbers or bytes", () => {
    const rodata = { generation: 0x0102_0304, marks: Buffer.from([9, 8, 7, 6]) };
    using counting = openObject(object("counting"), { rodata }).load();
    expect(counting.map("counting.data").lookup(0)?.readUInt32LE()).toBe(0x0102_0304);
    expect(
      counting
        .map("counting.rodata")
        .lookup(0)
        ?.includes(Buffer.from([9, 8, 7, 6])),
    ).toBe(true);
  });

  test.each([
    { nothing: 1 },
    { verdict: 2 ** 32 },
    { verdict: -(2 ** 31) - 1 },
    { marks: Buffer.from([1, 2, 3]) },
    { verdict: Buffer.alloc(8) },
  ])("is not opened with a variable that it has no place for: %o", (rodata) => {
    expect(() => openObject(object("counting"), { rodata })).toThrow(RangeError);
  });

  test("loads only the programs that are named", () => {
    using counting = openObject(object("counting"), { programs: ["egress"] }).load();
    expect(counting.program("egress").info().name).toBe("egress");
    expect(() => counting.program("ingress")).toThrow(/the option programs left it out/);
    expect(() => openObject(object("counting"), { programs: ["missing"] })).toThrow(/no program missing/);
  });

  test("makes a map as large as it was told", () => {
    using counting = openObject(object("counting"), { maxEntries: { slots: 1000 } }).load();
    expect(counting.map("slots").maxEntries).toBe(1000);
  });

  test("uses a map that is there already", () => {
    using first = openObject(object("counting")).load();
    first.program("ingress").testRun({ dataIn: packet() });
    using second = openObject(object("counting"), { mapFds: { counts: first.map("counts") } }).load();
    second.program("ingress").testRun({ dataIn: packet() });
    expect(second.map("counts").id).toBe(first.map("counts").id);
    expect(first.map("counts").sumPerCpu(0)?.[0]).toBe(2n);
  });

  test("refuses a map that is not like its own", () => {
    using other = BpfMap.create({ type: "hash", name: "other", keySize: 8, valueSize: 8, maxEntries: 1 });
    const error = thrown(BpfError, () => {
      using counting = openObject(object("counting"), { mapFds: { counts: other } });
      counting.load();
    });
    expect(error.message).toMatch(/counts/);
  });

  test("is not loaded where its maps would take more than its memory limit", () => {
    // counts, slots, policies, and the sections of variables.
    const least = 8 * (4 + 16 * possibleCpus()) + 64 * 16 + 2 * 12;
    const error = thrown(BpfError, () => openObject(object("counting"), { memoryLimit: least }));
    expect(error.code).toBe("ENOMEM");
    expect(error.hint).toMatch(new RegExp(`the memory limit is ${least}`));
    using counting = openObject(object("counting"), { memoryLimit: least + 4096 }).load();
    expect(counting.map("slots").maxEntries).toBe(64);
  });

  test("counts no map that it only uses against its memory limit", () => {
    using slots = BpfMap.create({ type: "hash", name: "slots", keySize: 8, valueSize: 4, maxEntries: 64 });
    const limit = 8 * (4 + 16 * possibleCpus()) + 200;
    expect(() => openObject(object("counting"), { memoryLimit: limit })).toThrow(/ENOMEM/);
    using counting = openObject(object("counting"), { memoryLimit: limit, mapFds: { slots } });
    expect(counting.mapNames).toContain("slots");
  });

  test("gives nothing before it is loaded, and is loaded once", () => {
    using counting = openObject(object("counting"));
    expect(() => counting.map("counts")).toThrow(/load\(\) it first/);
    expect(() => counting.program("egress")).toThrow(/load\(\) it first/);
    counting.load();
    expect(() => counting.load()).toThrow(/loaded before/);
  });

  test("names what it has when asked for what it has not", () => {
    using counting = openObject(object("counting")).load();
    expect(() => counting.map("count")).toThrow(/no map count, but .*counts/);
  });

  test("closes its maps and programs with it, and not what was cloned", () => {
    const counting = openObject(object("counting")).load();
    const counts = counting.map("counts");
    const egress = counting.program("egress");
    using kept = counts.clone();
    using keptProgram = egress.clone();
    counts[Symbol.dispose]();
    expect(counts.lookupPerCpu(0)).toHaveLength(possibleCpus());
    counting[Symbol.dispose]();
    counting[Symbol.dispose]();
    expect(() => counts.lookup(0)).toThrow(ClosedError);
    expect(() => egress.info()).toThrow(ClosedError);
    expect(() => counting.map("counts")).toThrow(ClosedError);
    expect(kept.sumPerCpu(0)?.[0]).toBe(0n);
    expect(keptProgram.testRun({ dataIn: packet() }).retval).toBe(1);
  });
});

onKernel("what cannot be loaded", () => {
  test("is a verifier error with program and log", () => {
    using refused = openObject(object("refused"));
    const error = thrown(VerifierError, () => refused.load());
    expect(error.program).toBe("beyond");
    expect(error.log).toMatch(/invalid bpf_context access off=4096/);
    expect(error.message).toMatch(/invalid bpf_context access/);
    expect(error.code).toBe("EACCES");
  });

  test("says that the kernel has no such field", () => {
    using core = openObject(object("core"));
    const error = thrown(VerifierError, () => core.load());
    expect(error.program).toBe("impossible");
    expect(error.log).toMatch(/no_such_field/);
    expect(error.hint).toMatch(/bpf_core_field_exists/);
  });

  test("is loaded without the program that is at fault", () => {
    using core = openObject(object("core"), { programs: ["relocated"] }).load();
    core.program("relocated").testRun({ ctxIn: tracepointArguments(0n) });
    // Bit 0: pid is there. Bit 1: no_such_field is not.
    expect(core.map("core.bss").lookup(0)?.readUInt32LE()).toBe(1);
  });

  test("does not print", () => {
    using refused = openObject(object("refused"));
    // libbpf prints a line for each thing that fails: they are in the error instead.
    const error = thrown(BpfError, () => openObject("/does/not/exist.o"));
    expect(error.messages).toEqual(["elf: failed to open /does/not/exist.o: No such file or directory"]);
    expect(() => refused.load()).toThrow(VerifierError);
  });

  test("is a typed error for a file that is missing, or no object", () => {
    using folder = temporaryFolder();
    const text = join(folder.path, "text.o");
    writeFileSync(text, "no ELF");
    expect(thrown(BpfError, () => openObject("/does/not/exist.o")).code).toBe("ENOENT");
    const error = thrown(BpfError, () => openObject(text));
    expect(error.operation).toBe("open object");
    expect(error.messages.join()).toMatch(/ELF/i);
    expect(() => openObject(Buffer.alloc(0))).toThrow(BpfError);
    expect(() => openObject(readFileSync(object("counting")).subarray(0, 900))).toThrow(BpfError);
  });

  test("names the map that could not be made", () => {
    using counting = openObject(object("counting"), { maxEntries: { slots: 0xffff_ffff } });
    const error = thrown(BpfError, () => counting.load());
    expect(error.operation).toBe("create map");
    expect(error.subject).toBe("slots");
    expect(["E2BIG", "ENOMEM", "EINVAL"]).toContain(error.code);
  });
});
