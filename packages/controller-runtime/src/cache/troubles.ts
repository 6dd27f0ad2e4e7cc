import type { Clock, Timer } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { Trouble, Watched } from "./trouble.ts";

/** The watches that have one trouble. */
interface Group {
  readonly trouble: Trouble;
  readonly members: Set<Watched>;
  /** Those that the log does not know of. */
  readonly untold: Set<Watched>;
  told: boolean;
  timer: Timer | undefined;
}

/**
 * The troubles of all watches of a cache. A trouble that several of them have (the API server is away) is told once, when
 * the first gets it, and once more when the last is rid of it.
 */
export class Troubles {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #groups = new Map<string, Group>();

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = clock;
    this.#log = log;
  }

  /** A watch has this trouble now, and no other. */
  enter(watched: Watched, trouble: Trouble): void {
    if (this.#groups.get(trouble.key)?.members.has(watched)) return;
    this.leave(watched);
    const group = this.#group(trouble);
    group.members.add(watched);
    // Of a trouble that is not told by resource, once is enough.
    if (trouble.gather === 0 && group.told) return;
    group.untold.add(watched);
    if (trouble.gather === 0) this.#tell(group);
    else group.timer ??= this.#clock.after(trouble.gather, () => this.#tell(group));
  }

  /** Whether a watch has a trouble. */
  has(watched: Watched): boolean {
    return [...this.#groups.values()].some(({ members }) => members.has(watched));
  }

  /** A watch works again. */
  recover(watched: Watched): void {
    const group = this.leave(watched);
    if (group === undefined || group.members.size > 0 || !group.told) return;
    const { cause: _, ...fields } = group.trouble.fields;
    this.#log.info(group.trouble.over, fields);
  }

  /** A watch has no trouble, or another: of what it had, nothing more is said. @returns what it had. */
  leave(watched: Watched): Group | undefined {
    for (const [key, group] of this.#groups) {
      if (!group.members.delete(watched)) continue;
      group.untold.delete(watched);
      if (group.untold.size === 0) this.#cancel(group);
      if (group.members.size === 0) this.#groups.delete(key);
      return group;
    }
    return undefined;
  }

  #group(trouble: Trouble): Group {
    const known = this.#groups.get(trouble.key);
    if (known !== undefined) return known;
    const group = { trouble, members: new Set<Watched>(), untold: new Set<Watched>(), told: false, timer: undefined };
    this.#groups.set(trouble.key, group);
    return group;
  }

  #tell(group: Group): void {
    const { level, text, fields } = group.trouble;
    const resources = new Set([...group.untold].map(({ resource }) => resource));
    this.#log[level](text([...resources].sort()), fields);
    group.told = true;
    group.untold.clear();
    this.#cancel(group);
  }

  #cancel(group: Group): void {
    group.timer?.cancel();
    group.timer = undefined;
  }
}
