import type { Clock, Timer } from "@pcmc/controller-runtime";
import { type BpfMap, type BpfObject, openObject } from "@pcmc/libbpf";
import type { ProgramObject } from "./programs.ts";

/** Milliseconds after which a spare is loaded: Pods that come together are attached first. */
const LATER = 100;

/** Maps that others have made, by their names in the object. */
type SharedMaps = Readonly<Record<string, BpfMap>>;

/** Loads an object with maps of its own, but for those that are shared. */
const load = (object: ProgramObject, mapFds: SharedMaps): BpfObject => {
  using stack = new DisposableStack();
  const loaded = stack.use(openObject(object.bytes, { name: "pcmc", mapFds }));
  loaded.load();
  stack.move();
  return loaded;
};

/**
 * One object that is loaded ahead. Its load is most of what an attachment takes (the verifier follows each way through the
 * programs), and has nothing of the Pod in it; so once there was one Pod, the next finds it done.
 */
export class SpareObject implements Disposable {
  readonly #object: ProgramObject;
  readonly #shared: SharedMaps;
  readonly #clock: Clock;
  #spare: BpfObject | undefined;
  #timer: Timer | undefined;

  constructor(object: ProgramObject, { shared, clock }: { readonly shared: SharedMaps; readonly clock: Clock }) {
    this.#object = object;
    this.#shared = shared;
    this.#clock = clock;
  }

  /** A loaded object, which is the caller's from then on. */
  take(): BpfObject {
    const taken = this.#spare ?? load(this.#object, this.#shared);
    this.#spare = undefined;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(LATER, () => this.#refill());
    return taken;
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#spare?.[Symbol.dispose]();
    this.#spare = undefined;
  }

  #refill(): void {
    try {
      this.#spare ??= load(this.#object, this.#shared);
    } catch {
      // Nobody waits for it. Who needs one loads it then, and tells what the kernel says.
    }
  }
}
