/*
 * Invariants of the table:
 * - Every variant is a call of both architectures: otherwise what a name counts would differ by node for no reason.
 * - Asking for an old call counts itself where it exists.
 */
import { expect, test } from "vitest";
import { ARCHITECTURES, SYSCALL_NAMES, syscallsOf } from "../../src/ebpf/syscalls-table.ts";

test.each([
  ["open", ["open", "openat", "openat2"], ["openat", "openat2"]],
  ["accept", ["accept", "accept4"], ["accept", "accept4"]],
  ["openat", ["openat", "openat2"], ["openat", "openat2"]],
  ["fork", ["fork", "clone", "clone3"], ["clone", "clone3"]],
  ["alarm", ["alarm"], []],
  ["read", ["read"], ["read"]],
  ["no_such_call", [], []],
  ["constructor", [], []],
])("%s counts itself and its modern variants", (name, x86, arm) => {
  expect(ARCHITECTURES.map((architecture) => syscallsOf(name, architecture))).toEqual([x86, arm]);
});

test("what an old call counts besides itself is the same on both architectures", () => {
  for (const name of SYSCALL_NAMES) {
    const [x86 = [], arm = []] = ARCHITECTURES.map((architecture) =>
      syscallsOf(name, architecture).filter((call) => call !== name),
    );
    expect(x86).toEqual(arm);
  }
});

test("the names are the kernel's, all of them", () => {
  expect(SYSCALL_NAMES.size).toBeGreaterThan(360);
  for (const name of ["read", "openat2", "clone3", "bpf", "landlock_restrict_self", "io_uring_enter", "mseal"])
    expect(SYSCALL_NAMES).toContain(name);
  for (const name of SYSCALL_NAMES) expect(name).toMatch(/^[a-z0-9_]+$/);
});
