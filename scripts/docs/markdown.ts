/** A block between fences. */
export interface Fence {
  /** What stands behind the opening fence: `sh`, `yaml`, `console`, or nothing. */
  readonly info: string;
  readonly text: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  /** Comments of HTML right above it, each without its marks: `not run: needs a node`. */
  readonly comments: readonly string[];
}

/** A link as it is written. */
export interface Link {
  readonly target: string;
  readonly line: number;
}

/** Text between backquotes. */
export interface CodeSpan {
  readonly text: string;
  readonly line: number;
}

/** What the checks want to know of a page. */
export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly anchors: ReadonlySet<string>;
  readonly fences: readonly Fence[];
  readonly links: readonly Link[];
  readonly spans: readonly CodeSpan[];
  /** All comments of HTML that are a line of their own, wherever they stand. */
  readonly comments: readonly string[];
}

const FENCE = /^(\s*)(`{3,})([^`]*)$/;
const COMMENT = /^\s*<!--\s*(.*?)\s*-->\s*$/;
const HEADING = /^#{1,6}\s+(.*?)\s*#*$/;
const SPAN = /(?<!`)(`+)(?!`)(.*?[^`])\1(?!`)/g;
// Images too, and a title behind the address.
const LINK = /\[(?:[^[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]*)>?(?:\s+"[^"]*")?\s*\)/g;

/** Reads a page. Only what our pages use of Markdown: headings with `#`, fences, inline links. */
export const readPage = (path: string, text: string): Page => {
  const found: Found = { anchors: new Set(), fences: [], links: [], spans: [], comments: [] };
  const lines = text.split("\n");
  let comments: readonly string[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    const opening = FENCE.exec(line);
    if (opening !== null) {
      const [, indent = "", mark = "", info = ""] = opening;
      const end = lines.findIndex((other, at) => at > index && other.trim() === mark);
      const inside = lines.slice(index + 1, end === -1 ? lines.length : end);
      const content = inside.map((other) => (other.startsWith(indent) ? other.slice(indent.length) : other)).join("\n");
      found.fences.push({ info: info.trim(), text: content, line: index + 1, comments });
      index = end === -1 ? lines.length : end;
      comments = [];
      continue;
    }
    const [, comment] = COMMENT.exec(line) ?? [];
    comments = comment === undefined ? [] : [...comments, comment];
    if (comment !== undefined) found.comments.push(comment);
    readLine(line, index + 1, found);
  }
  return { path, ...found };
};

interface Found {
  readonly anchors: Set<string>;
  readonly fences: Fence[];
  readonly comments: string[];
  readonly links: Link[];
  readonly spans: CodeSpan[];
}

const readLine = (line: string, number: number, { anchors, links, spans }: Found): void => {
  const [, heading] = HEADING.exec(line) ?? [];
  if (heading !== undefined) addAnchor(anchors, heading);
  for (const [, id = ""] of line.matchAll(/<a (?:id|name)="([^"]+)">/g)) anchors.add(id);
  for (const [, , text = ""] of line.matchAll(SPAN)) spans.push({ text: text.trim(), line: number });
  // What looks like a link between backquotes is none; a code span may be a link's text.
  const withoutCode = line.replaceAll(SPAN, (span) => span.replaceAll(/[[\]()]/g, " "));
  for (const [, target = ""] of withoutCode.matchAll(LINK)) links.push({ target, line: number });
};

/** As GitHub makes them: https://github.com/gjtorikian/html-pipeline, toc_filter. */
const addAnchor = (anchors: Set<string>, heading: string): void => {
  const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, "");
  const base = plain
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, "")
    .replaceAll(" ", "-");
  let anchor = base;
  for (let count = 1; anchors.has(anchor); count += 1) anchor = `${base}-${count}`;
  anchors.add(anchor);
};
