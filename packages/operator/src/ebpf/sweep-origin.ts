import { readlinkSync, symlinkSync } from "node:fs";
import { codeOf } from "./error-code.ts";
import { namesIn } from "./pin-dir.ts";
import { EbpfUnavailable } from "./unavailable.ts";

/**
 * Where a Pod's pins come from: a symbolic link in its folder, since a bpffs holds no files. Only who can tell that a Pod is
 * gone may remove what is pinned of it: an agent with another node's name, or that sees some namespaces only, cannot.
 */
export interface Origin {
  /** The node, as the API names it. */
  readonly node: string;
  readonly namespace: string;
}

const ORIGIN = "origin";

/** Notes whose a Pod's folder is, which exists. What stands there stays. */
export const noteOrigin = (folder: string, { node, namespace }: Origin): void => {
  try {
    // Neither name can hold a slash.
    symlinkSync(`${node}/${namespace}`, `${folder}/${ORIGIN}`);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
};

/** `undefined` where it was never noted: an agent was killed as it began, or was of an earlier version. */
export const readOrigin = (folder: string): Origin | undefined => {
  try {
    const [node, namespace] = readlinkSync(`${folder}/${ORIGIN}`).split("/");
    return node === undefined || namespace === undefined ? undefined : { node, namespace };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
};

/**
 * Sees to it that nothing below `pods` is of a node with another name.
 *
 * @throws EbpfUnavailable where something is: a list of this node's Pods says nothing of those, which would all seem gone.
 */
export const checkNodeName = (pods: string, node: string): void => {
  for (const uid of namesIn(pods)) {
    const other = readOrigin(`${pods}/${uid}`)?.node;
    if (other !== undefined && other !== node) throw ofOtherNode(pods, { node, other });
  }
};

const ofOtherNode = (pods: string, { node, other }: { readonly node: string; readonly other: string }) =>
  new EbpfUnavailable({
    reason: "PinDirOfOtherNode",
    message:
      `What is pinned in ${pods} is of Pods of the node ${other}, and this agent looks after ${node}. Set NODE_NAME to the ` +
      "node's name in the API; if the node was renamed, run `pcmc agent uninstall` on it first.",
  });
