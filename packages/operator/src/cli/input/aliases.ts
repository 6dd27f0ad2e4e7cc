import { type Alias, type Document, isAlias, isMap, isNode, isSeq, type Node, type ParsedNode } from "yaml";

/** Nodes that the aliases of a file may stand for in all. A bomb of them stands for millions in a few lines. */
const MAX_NODES = 1_000_000;

/** An alias that stands for nothing, or for too much. */
export interface AliasFault {
  /** Where it stands in the text. */
  readonly offset: number;
  readonly message: string;
}

/**
 * Puts what they stand for in the place of the aliases of a file, so that whoever goes through its documents goes through a tree:
 * of a size that is bounded, unless there are faults.
 */
export class Aliases {
  readonly faults: AliasFault[] = [];
  #anchors = new Map<string, Node>();
  /** Nodes below an anchor, itself and what aliases stand for included; absent as long as they are counted. */
  readonly #sizes = new Map<Node, number>();
  #added = 0;
  #isExceeded = false;

  /** Documents come in the order of the file; each has its own anchors. */
  replaceIn({ contents }: Document.Parsed<ParsedNode>): void {
    this.#anchors = new Map();
    if (contents !== null) this.#sizeOf(contents);
  }

  #sizeOf(node: Node): number {
    if ("anchor" in node && typeof node.anchor === "string") this.#anchors.set(node.anchor, node);
    let size = 1;
    if (isMap(node)) for (const pair of node.items) size += this.#replace(pair, "key") + this.#replace(pair, "value");
    if (isSeq(node)) for (const index of node.items.keys()) size += this.#replace(node.items, index);
    this.#sizes.set(node, size);
    return size;
  }

  /** Puts what an alias stands for in its place, where it is one. @returns the nodes there. */
  #replace<K extends PropertyKey>(holder: Record<K, unknown>, place: K): number {
    const node = holder[place];
    if (!isAlias(node)) return isNode(node) ? this.#sizeOf(node) : 0;
    const target = this.#anchors.get(node.source);
    if (target === undefined) return this.#fault(node, `no anchor &${node.source} stands before *${node.source}`);
    const size = this.#sizes.get(target);
    if (size === undefined) return this.#fault(node, `*${node.source} stands inside of its own anchor`);
    if (this.#added + size > MAX_NODES) return this.#excess(node);
    this.#added += size;
    holder[place] = target;
    return size;
  }

  /** Once: in a bomb, all that follow are too much. */
  #excess(node: Alias): number {
    if (this.#isExceeded) return 0;
    this.#isExceeded = true;
    return this.#fault(node, `aliases stand for more than ${MAX_NODES} values in all: write fewer of them`);
  }

  #fault({ range }: Alias, message: string): number {
    this.faults.push({ offset: range?.[0] ?? 0, message });
    return 0;
  }
}
