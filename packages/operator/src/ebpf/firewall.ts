import { BpfLink, BpfMap, type BpfObject, type BpfProgram } from "@pcmc/libbpf";
import type { CgroupHandle } from "./cgroup-handle.ts";
import {
  encodeIndex,
  encodePolicy,
  FIREWALL_MAPS,
  FIREWALL_PROGRAMS,
  MAP_SHAPES,
  NODE_ADDRESSES,
  type PolicyValue,
} from "./layout.ts";
import { isPinned, unpin } from "./pin-dir.ts";
import { loadOverPins, openPinnedLink, openPinnedProgram, pinProgram, programPin } from "./pinned-object.ts";
import type { ProgramObject } from "./programs.ts";

const ENTRY = encodeIndex(0);
const PROGRAMS = Object.values(FIREWALL_PROGRAMS);

/** What was counted stays while the Pod lives, attached or not. All else is made anew. */
const COUNTERS: readonly string[] = [FIREWALL_MAPS.counters, FIREWALL_MAPS.blockedPorts];

/** Pins of the links: what is removed first, so that what is half removed judges nothing. */
export const FIREWALL_LINKS: readonly string[] = PROGRAMS;

/**
 * The firewall of one Pod: two programs on its cgroup, pinned with their links and maps in the Pod's folder.
 *
 * There is no moment without a verdict: a policy is in the map before a program is attached, a policy is replaced by one write,
 * a program by one link update.
 */
export class Firewall implements Disposable {
  readonly #handles: Handles;

  private constructor(handles: Handles) {
    this.#handles = handles;
  }

  /**
   * Attaches the firewall, completes one that an earlier process left half-made, and swaps the programs of one that is whole:
   * links that are pinned are updated, never replaced.
   */
  static attach(folder: string, { cgroup, object, addresses, policy, spare }: Attachment): Firewall {
    const pins = new Map(Object.values(FIREWALL_MAPS).map((name) => [name, `${folder}/${name}`]));
    using programs = loadOverPins(object, pins, { shared: { [NODE_ADDRESSES]: addresses }, spare });
    using map = BpfMap.openPinned(`${folder}/${FIREWALL_MAPS.policy}`);
    replacePolicy(map, policy);
    for (const name of PROGRAMS) {
      const program = programs.program(name);
      pinProgram(folder, name, program);
      attachOrUpdate(`${folder}/${name}`, program, cgroup);
    }
    return Firewall.open(folder);
  }

  /** Opens the firewall that is pinned there, whole. */
  static open(folder: string): Firewall {
    using stack = new DisposableStack();
    const policy = stack.use(BpfMap.openPinned(`${folder}/${FIREWALL_MAPS.policy}`));
    const links = PROGRAMS.map((name) => stack.use(BpfLink.openPinned(`${folder}/${name}`)));
    const programs = PROGRAMS.flatMap((name) => stack.use(openPinnedProgram(programPin(folder, name))) ?? []);
    return new Firewall({ policy, links, programs, all: stack.move() });
  }

  /** Replaces the policy in one step: each packet is judged by the old one or the new one. */
  update(policy: PolicyValue): void {
    replacePolicy(this.#handles.policy, policy);
  }

  /** Whether both programs are attached to this cgroup: it may have been removed and made again, or somebody detached them. */
  isOn(cgroup: CgroupHandle): boolean {
    return this.#handles.links.every((link) => isLinkOn(link, cgroup));
  }

  /** For their run statistics. */
  get programs(): readonly BpfProgram[] {
    return this.#handles.programs;
  }

  /** Lets go of the handles. What is attached stays. */
  [Symbol.dispose](): void {
    this.#handles.all.dispose();
  }
}

interface Handles {
  readonly policy: BpfMap;
  readonly links: readonly BpfLink[];
  readonly programs: readonly BpfProgram[];
  readonly all: DisposableStack;
}

export interface Attachment {
  readonly cgroup: CgroupHandle;
  readonly object: ProgramObject;
  /** The node's, which all Pods share. */
  readonly addresses: BpfMap;
  readonly policy: PolicyValue;
  /** The object, loaded already over the same addresses. */
  readonly spare: () => BpfObject;
}

/** Whether both links are pinned. */
export const isAttached = (folder: string): boolean => PROGRAMS.every((name) => isPinned(`${folder}/${name}`));

/** Detaches the firewall and removes all of it but its counters. Whether there was one. */
export const detachFirewall = (folder: string): boolean => {
  const links = PROGRAMS.map((name) => unpin(`${folder}/${name}`));
  for (const name of PROGRAMS) unpin(programPin(folder, name));
  for (const name of Object.values(FIREWALL_MAPS)) if (!COUNTERS.includes(name)) unpin(`${folder}/${name}`);
  return links.includes(true);
};

const replacePolicy = (map: BpfMap, policy: PolicyValue): void => {
  using inner = BpfMap.create({ ...MAP_SHAPES.policy, name: "pcmc_policy" });
  inner.update(ENTRY, encodePolicy(policy));
  map.setInner(0, inner);
};

const isLinkOn = (link: BpfLink, cgroup: CgroupHandle): boolean => {
  const info = link.info();
  return info.type === "cgroup" && info.cgroupId === cgroup.id;
};

const attachOrUpdate = (pin: string, program: BpfProgram, cgroup: CgroupHandle): void => {
  using before = openPinnedLink(pin);
  if (before !== undefined && isLinkOn(before, cgroup)) {
    before.update(program);
    return;
  }
  // One that holds nothing any more is no firewall: nothing opens by its end.
  unpin(pin);
  using link = program.attachCgroup(cgroup.fd);
  link.pin(pin);
};
