import type { Architecture } from "../../../src/ebpf/syscalls-table.ts";

/** Of this machine. */
export const ARCHITECTURE: Architecture = process.arch === "arm64" ? "arm64" : "x86_64";
