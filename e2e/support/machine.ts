import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "@pcmc/devcluster";

/** Programs of a node, by the name that the kernel shows: at most fifteen characters. */
const PROGRAMS = /^(containerd.*|kubelet|kube-proxy|runc|buildah|nsenter|unshare)$/;

/** Folders that a node's programs make where nobody tells them otherwise. */
const FOLDERS = [
  "/etc/cni",
  "/opt/cni",
  "/opt/containerd",
  "/run/containerd",
  "/var/lib/cni",
  "/var/lib/containerd",
  "/var/lib/containers",
  "/var/lib/kubelet",
  "/var/log/containers",
  "/var/log/pods",
];

/** Settings of the machine that kubelet and kube-proxy write. */
const SETTINGS = ["vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward"];

/** What of a machine a node could change, as sorted lines. */
export interface MachineState {
  readonly mounts: readonly string[];
  readonly links: readonly string[];
  readonly routes: readonly string[];
  readonly tables: readonly string[];
  readonly cgroups: readonly string[];
  readonly namespaces: readonly string[];
  readonly processes: readonly string[];
  readonly folders: readonly string[];
  readonly settings: readonly string[];
}

/** Looks at the machine. */
export const machineState = (): MachineState => ({
  mounts: linesOf(readFileSync("/proc/self/mountinfo", "utf8")),
  links: linesOf(output("ip", ["-oneline", "link", "show"])).map((line) => line.split(":")[1]?.trim() ?? ""),
  routes: linesOf(output("ip", ["route", "show", "table", "all"])),
  tables: linesOf(output("nft", ["list", "tables"])),
  cgroups: cgroups(),
  ...processes(),
  folders: FOLDERS.filter((folder) => existsSync(folder)),
  settings: SETTINGS.map((name) => `${name} ${readFileSync(join("/proc/sys", name), "utf8").trim()}`),
});

const output = (command: string, args: readonly string[]): string =>
  execFileSync(findProgram(command) ?? command, args, { encoding: "utf8" });

const linesOf = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .sort();

/** Every cgroup whose name says that it is a node's. */
const cgroups = (): string[] =>
  linesOf(output("find", ["/sys/fs/cgroup", "-type", "d", "(", "-name", "kubepods*", "-o", "-name", "pcmc-*", ")"]));

/** What there is now and was not there before: nothing, where a node has left nothing. */
export const newSince = (before: MachineState): string[] => {
  const now = Object.entries(machineState()) as [keyof MachineState, readonly string[]][];
  return now.flatMap(([kind, lines]) =>
    lines.filter((line) => !before[kind].includes(line)).map((line) => `${kind}: ${line}`),
  );
};

/** Only namespaces that hold a process count here. */
const processes = () => {
  const names: string[] = [];
  const namespaces = new Set<string>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")) continue;
      const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
      if (PROGRAMS.test(name)) names.push(`${pid} ${name}`);
      for (const type of ["net", "mnt", "pid"]) namespaces.add(readlinkSync(`/proc/${pid}/ns/${type}`));
    } catch {
      // It ended meanwhile.
    }
  }
  return { processes: names.sort(), namespaces: [...namespaces].sort() };
};
