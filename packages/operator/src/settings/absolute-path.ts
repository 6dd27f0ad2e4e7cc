import { normalize } from "node:path";
import type { ValueType } from "./value-types.ts";

/**
 * A folder, from the root on: relative to a working folder it would name another place after each start. Parsed to its plain
 * form, without `.`, `..` and double or closing slashes.
 */
export const absolutePath: ValueType<string> = {
  allowed: "an absolute path, such as /sys/fs/bpf/pcmc/v1",
  placeholder: "folder",
  parse(text) {
    if (!text.startsWith("/") || text.includes("\0")) return undefined;
    const path = normalize(text).replace(/\/$/, "");
    // The root itself is nobody's to keep things in.
    return path === "" ? undefined : path;
  },
};
