import { closeSync } from "node:fs";
import { ClosedError } from "./errors.ts";
import { native } from "./native.ts";

/** A handle that was opened and not closed. */
export interface OpenHandle {
  readonly kind: HandleKind;
  readonly name: string;
  /** No code can reach it any more, so none can close it: its descriptor stays open until the process ends. */
  readonly collected: boolean;
  /** The stack of the call that opened it. */
  readonly openedAt: string;
}

export type HandleKind = "object" | "map" | "program" | "link" | "ring buffer" | "run statistics";

/** Belongs to one handle while that is open; holds no reference to it. */
class HandleRecord implements OpenHandle {
  readonly kind: HandleKind;
  readonly name: string;
  readonly openedAt: string;
  collected = false;

  constructor(kind: HandleKind, name: string) {
    this.kind = kind;
    this.name = name;
    // As text at once: an error that is kept holds the objects of its stack, so that none is ever collected.
    this.openedAt = new Error("opened").stack?.split("\n").slice(3).join("\n") ?? "";
  }
}

const records = new Set<HandleRecord>();
const collector = new FinalizationRegistry<HandleRecord>((record) => {
  record.collected = true;
});

/** All handles of this thread that are open. A test that ends with an empty list leaks none. */
export const openHandles = (): readonly OpenHandle[] => [...records];

/** Something that is open until it is closed, once. Closing again is harmless. */
export class Resource implements Disposable {
  readonly kind: HandleKind;
  readonly name: string;
  readonly #record: HandleRecord;
  readonly #release: () => void;

  constructor(kind: HandleKind, name: string, release: () => void) {
    this.kind = kind;
    this.name = name;
    this.#release = release;
    this.#record = new HandleRecord(kind, name);
    records.add(this.#record);
    collector.register(this, this.#record, this);
  }

  get closed(): boolean {
    return !records.has(this.#record);
  }

  /** @throws ClosedError */
  assertOpen(): void {
    if (this.closed) throw new ClosedError(this.kind, this.name);
  }

  [Symbol.dispose](): void {
    if (!records.delete(this.#record)) return;
    collector.unregister(this);
    this.#release();
  }
}

/** A file descriptor of the kernel's, and who closes it. */
export interface Descriptor extends Disposable {
  readonly name: string;
  readonly closed: boolean;
  /** @throws ClosedError */
  fd(): number;
}

/** A descriptor that is closed with its handle. */
export const ownedDescriptor = (kind: HandleKind, name: string, fd: number): Descriptor => {
  const resource = new Resource(kind, name, () => closeSync(fd));
  return {
    name,
    get closed() {
      return resource.closed;
    },
    fd: () => {
      resource.assertOpen();
      return fd;
    },
    [Symbol.dispose]: () => resource[Symbol.dispose](),
  };
};

/** A descriptor that belongs to a larger thing and is closed with it, never before. */
export const borrowedDescriptor = (owner: Resource, name: string, fd: number): Descriptor => ({
  name,
  get closed() {
    return owner.closed;
  },
  fd: () => {
    owner.assertOpen();
    return fd;
  },
  [Symbol.dispose]: () => {},
});

const F_DUPFD_CLOEXEC = 1030;

/** A second descriptor of the same thing. Negative, and errno set, where there is none left. */
export const duplicate = (fd: number): number => native().fcntl(fd, F_DUPFD_CLOEXEC, "int", 0);
