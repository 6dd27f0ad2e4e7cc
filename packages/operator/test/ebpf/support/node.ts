import { existsSync } from "node:fs";
import { silentLogger, systemClock } from "@pcmc/controller-runtime";
import { architectureOf } from "../../../src/ebpf/architecture.ts";
import { Enforcer, type EnforcerOptions } from "../../../src/ebpf/enforcer.ts";
import type { NodePod } from "../../../src/ebpf/node-pod.ts";
import type { PodReading } from "../../../src/ebpf/outcome.ts";
import { programPath } from "../../../src/ebpf/programs.ts";
import { bpffs, noBpffs } from "./bpffs.ts";
import { noCgroups, testCgroups } from "./cgroups.ts";

/** Why tests of the enforcer cannot run here; `undefined` where they can. */
export const noKernel =
  noCgroups ??
  noBpffs ??
  (existsSync("/sys/kernel/btf/vmlinux") ? undefined : "needs a kernel with BTF") ??
  (existsSync(programPath("firewall", architectureOf())) ? undefined : "needs the programs: make bpf");

export const skipped = noKernel === undefined ? "" : ` (skipped: ${noKernel})`;

/** A node of a test's own: a bpffs, and cgroups of Pods. Enforcers come and go on it, as agents do. */
export interface TestNode extends AsyncDisposable {
  readonly pinDir: string;
  readonly cgroupRoot: string;
  readonly mount: string;
  /** A Pod with a cgroup, and that cgroup's path. */
  pod(uid: string, change?: Partial<NodePod>): { readonly pod: NodePod; readonly cgroup: string };
  makeCgroup(path: string): string;
  removeCgroup(path: string): void;
  sleeper(cgroup: string): Promise<{ readonly pid?: number | undefined }>;
  /** Changes how the bpffs is mounted. */
  remount(options: string): void;
  open(options?: Partial<EnforcerOptions>): Promise<Enforcer>;
}

export const testNode = (): TestNode => {
  const mount = bpffs();
  const cgroups = testCgroups();
  cgroups.make("kubepods/burstable");
  const pinDir = `${mount.path}/pcmc/v1`;
  return {
    pinDir,
    cgroupRoot: cgroups.root,
    mount: mount.path,
    pod(uid, change = {}) {
      const pod: NodePod = {
        uid,
        namespace: "default",
        name: `pod-${uid}`,
        qosClass: "Burstable",
        hostNetwork: false,
        containerIds: [],
        ...change,
      };
      return { pod, cgroup: cgroups.make(`kubepods/burstable/pod${uid}`) };
    },
    makeCgroup: cgroups.make,
    removeCgroup: cgroups.remove,
    sleeper: cgroups.sleeper,
    remount: mount.remount,
    open: (options = {}) =>
      Enforcer.open({ pinDir, cgroupRoot: cgroups.root, clock: systemClock, log: silentLogger, ...options }),
    async [Symbol.asyncDispose]() {
      await cgroups[Symbol.asyncDispose]();
      mount[Symbol.dispose]();
    },
  };
};

/** The reading of a Pod. @throws where it has none. */
export const readingOf = (enforcer: Enforcer, uid: string): PodReading => {
  const reading = enforcer.readings().find((one) => one.uid === uid);
  if (reading === undefined) throw new Error(`no reading of ${uid}`);
  return reading;
};
