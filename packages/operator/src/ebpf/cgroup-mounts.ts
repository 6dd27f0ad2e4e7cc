/** A mounted cgroup hierarchy of this process' mount namespace. */
export interface CgroupMount {
  readonly version: 1 | 2;
  readonly path: string;
}

/** Mount points write space, tab, newline and backslash in octal (proc(5), mountinfo). */
const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/**
 * The cgroup hierarchies in the text of `/proc/self/mountinfo`, in its order. On a pure v2 node one, on a hybrid one those of v1
 * and `/sys/fs/cgroup/unified`; in a container its own and what came by hostPath.
 */
export const cgroupMounts = (mountinfo: string): readonly CgroupMount[] =>
  mountinfo.split("\n").flatMap((line) => {
    // 36 35 98:0 /root /mount/point options optional-fields... - type source super-options
    const [before, after] = line.split(" - ");
    const type = after?.split(" ")[0];
    const path = before?.split(" ")[4];
    if (path === undefined || (type !== "cgroup" && type !== "cgroup2")) return [];
    return [{ version: type === "cgroup2" ? 2 : 1, path: unescapeOctal(path) }];
  });
