import { spawnSync } from "node:child_process";

/** Debian has it where only root's PATH leads. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

const bpftool = (...words: readonly string[]) => spawnSync("bpftool", words, { encoding: "utf8", env });

/** Why nobody can be asked for the kernel's maps here; `undefined` where somebody can. */
export const noBpftool = bpftool("version").status === 0 ? undefined : "needs bpftool";

/** Whether the kernel still has the map of this id; it frees one some time after its last user has let go of it. */
export const mapExists = (id: number): boolean => {
  const { status, stderr } = bpftool("map", "show", "id", String(id));
  if (status !== 0 && !stderr.includes("No such file")) throw new Error(stderr);
  return status === 0;
};
