import { hierarchies } from "./cgroups.ts";
import { type RunOptions, run } from "./run.ts";

/** Files below `/proc/PID/ns` by the option of nsenter. The process named is in another pid namespace than its children. */
const FILES = { mount: "mnt", net: "net", ipc: "ipc", uts: "uts", cgroup: "cgroup", pid: "pid_for_children" };

/** The namespaces of a node, and the ways into them. */
export class NodeNamespaces {
  /** Pid of a process in all of them but that of pids, which holds only its children. */
  readonly pid: number;
  readonly #cgroup: string;

  constructor(pid: number, cgroup: string) {
    this.pid = pid;
    this.#cgroup = cgroup;
  }

  /** Where a file of the node is for this machine. A path of this machine's own need not be visible inside. */
  path(inside: string): string {
    return `/proc/${this.pid}/root${inside}`;
  }

  /**
   * Arguments of `/bin/sh` that run what follows them as one of the node's own processes. The shell joins the node's
   * cgroup and becomes nsenter, which stays as the parent: only a child can be in another pid namespace. The child dies
   * with it.
   */
  enter(): readonly string[] {
    const leaves = hierarchies().map(({ mountPoint }) => `${mountPoint}/${this.#cgroup}/node/cgroup.procs`);
    const script = `for leaf in ${leaves.join(" ")}; do echo $$ >$leaf || exit; done; exec nsenter "$@"`;
    const namespaces = Object.entries(FILES).map(([type, file]) => `--${type}=/proc/${this.pid}/ns/${file}`);
    return ["-c", script, "sh", ...namespaces, "--", "setpriv", "--pdeathsig", "KILL", "--"];
  }

  /** Runs a program inside and gives back what it wrote. @throws with the end of what it said on standard error. */
  run(command: string, args: readonly string[] = [], options: RunOptions = {}): Promise<string> {
    return run("/bin/sh", [...this.enter(), command, ...args], options);
  }
}
