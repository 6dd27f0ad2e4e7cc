import { findProgram, whyNoRealNode } from "@pcmc/devcluster";

/** Debian packages of programs that tests of the kernel's side use. */
const PACKAGES = { gcc: "gcc libc6-dev", bpftool: "bpftool" } as const;

/** One line instead of a failure of each test. */
export const setup = (): void => {
  const reason = whyNoRealNode();
  if (reason) throw new Error(reason);
  const missing = Object.entries(PACKAGES).flatMap(([program, name]) => (findProgram(program) ? [] : [name]));
  if (missing.length > 0)
    throw new Error(`these tests need ${missing.join(", ")}: apt-get install ${missing.join(" ")}`);
};
