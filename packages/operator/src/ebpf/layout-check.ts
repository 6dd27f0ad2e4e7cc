import { EbpfError } from "./ebpf-error.ts";
import { LAYOUT_VERSION } from "./layout.ts";

/** @param found what the maps have that are pinned at `path`. */
export const otherLayout = (path: string, found: string): EbpfError =>
  new EbpfError({
    reason: "OtherLayout",
    message:
      `${path} is of an agent of another release: its maps have ${found}, ours have layout ${LAYOUT_VERSION}. What it ` +
      "attached goes on as it is. Run `pcmc agent uninstall` on the node, and start the agent again; rules are open in between.",
  });

/**
 * Refuses maps of another layout: read as ours they would give other verdicts and other counts.
 *
 * @param path what was pinned with that layout.
 * @throws EbpfError
 */
export const checkLayout = (path: string, layoutVersion: number): void => {
  if (layoutVersion !== LAYOUT_VERSION) throw otherLayout(path, `layout ${layoutVersion}`);
};
