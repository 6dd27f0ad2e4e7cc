import { closeSync, constants, openSync } from "node:fs";
import { attempt, BpfError, check } from "./errors.ts";
import { type Descriptor, duplicate, ownedDescriptor } from "./handles.ts";
import { type ProgramInfo, programInfo } from "./info.ts";
import { BpfLink } from "./link.ts";
import { lastErrno, native } from "./native.ts";
import { openPin, type PinOptions, pin } from "./pin.ts";
import { type TestRun, type TestRunOptions, testRun } from "./test-run.ts";
import { type CgroupAttachType, cgroupAttachTypes } from "./types.ts";

const openCgroup = (path: string): number =>
  attempt("attach to cgroup", path, () => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));

/** A program in the kernel: of an object, or opened by its pin. Runs once a link attaches it. */
export class BpfProgram implements Disposable {
  /** As in the object, or the path of its pin. */
  readonly name: string;
  /** From its section, such as `cgroup_skb/egress`; `undefined` of a pinned program, and where it is for no cgroup. */
  readonly attachType: CgroupAttachType | undefined;
  readonly #descriptor: Descriptor;

  /** Of a descriptor that is a program's. */
  constructor(descriptor: Descriptor, attachType?: CgroupAttachType) {
    this.#descriptor = descriptor;
    this.name = descriptor.name;
    this.attachType = attachType;
  }

  /** @throws NotBpffsError; BpfError: `ENOENT` nothing is pinned there, `EINVAL` something else is */
  static openPinned(path: string): BpfProgram {
    return new BpfProgram(ownedDescriptor("program", path, openPin(path, "prog")));
  }

  get fd(): number {
    return this.#descriptor.fd();
  }

  /**
   * Attaches to a cgroup (v2) and all below it, beside other programs there (Linux 5.7). Ends with the link: close it,
   * or pin it to have it outlive the process.
   *
   * @param cgroup its folder, or a descriptor of that.
   * @param attachType default: that of the program's section.
   */
  attachCgroup(cgroup: string | number, attachType: CgroupAttachType | undefined = this.attachType): BpfLink {
    if (attachType === undefined)
      throw new TypeError(`${this.name}: its section names no cgroup attach type: name one`);
    const program = this.fd;
    const folder = typeof cgroup === "number" ? cgroup : openCgroup(cgroup);
    try {
      const fd = native().libbpf.bpf_link_create(program, folder, cgroupAttachTypes[attachType], null);
      check(fd, "attach to cgroup", `${cgroup}`);
      return new BpfLink(ownedDescriptor("link", `${this.name} at ${cgroup}`, fd));
    } finally {
      if (typeof cgroup === "string") closeSync(folder);
    }
  }

  /** Attaches to a raw tracepoint such as `sys_enter` (Linux 4.17; its link can be pinned from 5.7 on). */
  attachRawTracepoint(tracepoint: string): BpfLink {
    const fd = native().libbpf.bpf_raw_tracepoint_open(tracepoint, this.fd);
    check(fd, "attach to raw tracepoint", tracepoint);
    return new BpfLink(ownedDescriptor("link", `${this.name} at ${tracepoint}`, fd));
  }

  /** Runs it on data of ours (`BPF_PROG_TEST_RUN`). */
  testRun(options: TestRunOptions = {}): TestRun {
    return testRun(this.fd, this.name, options);
  }

  info(): ProgramInfo {
    return programInfo(this.fd);
  }

  /** Gives it a name on a BPF file system that keeps it alive, though not attached: for that, pin the link. */
  pin(path: string, options?: PinOptions): void {
    pin(this.fd, path, options);
  }

  /** A handle of its own to the same program: outlives the object that this one belongs to. */
  clone(): BpfProgram {
    const fd = duplicate(this.fd);
    if (fd < 0) throw new BpfError({ operation: "duplicate", subject: this.name, errno: lastErrno() });
    return new BpfProgram(ownedDescriptor("program", this.name, fd), this.attachType);
  }

  /** Closes the handle; a program of an object stays open until that is closed. Harmless when it is closed. */
  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
  }
}
