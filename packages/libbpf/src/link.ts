import { check } from "./errors.ts";
import { type Descriptor, ownedDescriptor } from "./handles.ts";
import { type LinkInfo, linkInfo } from "./info.ts";
import { native } from "./native.ts";
import { openPin, type PinOptions, pin, unpin } from "./pin.ts";
import type { BpfProgram } from "./program.ts";

export interface LinkUpdateOptions {
  /** Only while the link runs this program, else `EPERM`: nobody else's update is lost. */
  readonly expected?: BpfProgram | undefined;
}

const REPLACE = 4;

/** A program where it is attached. It stays attached while a handle is open or a pin exists, or until {@link detach}. */
export class BpfLink implements Disposable {
  readonly #descriptor: Descriptor;

  /** Of a descriptor that is a link's. */
  constructor(descriptor: Descriptor) {
    this.#descriptor = descriptor;
  }

  /** @throws NotBpffsError; BpfError: `ENOENT` nothing is pinned there, `EINVAL` something else is */
  static openPinned(path: string): BpfLink {
    return new BpfLink(ownedDescriptor("link", path, openPin(path, "link")));
  }

  get fd(): number {
    return this.#descriptor.fd();
  }

  /** Puts another program of the same type in place of the one that runs, with no moment without (cgroup links). */
  update(program: BpfProgram, { expected }: LinkUpdateOptions = {}): void {
    // struct bpf_link_update_opts { size_t sz; u32 flags; u32 old_prog_fd; }
    const options = Buffer.alloc(16);
    options.writeUInt32LE(options.length, 0);
    if (expected !== undefined) {
      options.writeUInt32LE(REPLACE, 8);
      options.writeUInt32LE(expected.fd, 12);
    }
    check(native().libbpf.bpf_link_update(this.fd, program.fd, options), "update link", this.#descriptor.name);
  }

  /** Ends it for all who hold it, pins included (cgroup links; Linux 5.9). */
  detach(): void {
    check(native().libbpf.bpf_link_detach(this.fd), "detach link", this.#descriptor.name);
  }

  /** Gives it a name on a BPF file system that keeps it attached. @throws NotBpffsError */
  pin(path: string, options?: PinOptions): void {
    pin(this.fd, path, options);
  }

  /** Takes a pin away. It ends when this was the last thing that held it. `false`: there was none. */
  unpin(path: string): boolean {
    return unpin(path);
  }

  info(): LinkInfo {
    return linkInfo(this.fd);
  }

  /** Closes the handle: ends the link unless it is pinned. Harmless when it is closed. */
  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
  }
}
