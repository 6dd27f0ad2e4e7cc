const COLUMNS = 104;
const ROWS = 30;
const LINE = 18;
const CHARACTER = 7.83;
const MARGIN = 16;
const BAR = 30;
/** Seconds that a line stands before the next one comes: to read what is said, to see what was typed. */
const PACE = { "#": 1.6, $: 1.2, other: 0.22 } as const;
const END = 6;

/**
 * An SVG of a terminal in which lines scroll by. Who wants no motion sees the last screen. Its colours are its own, so it reads the same on
 * light and on dark pages.
 */
export const terminalSvg = (lines: readonly string[], title: string): string => {
  const width = Math.round(COLUMNS * CHARACTER + 2 * MARGIN);
  const height = BAR + ROWS * LINE + MARGIN;
  const texts = lines.map((line, index) => {
    const y = BAR + (index + 1) * LINE - 5;
    const shown = line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line;
    return shown === "" ? "" : `<text class="${classOf(line)}" x="${MARGIN}" y="${y}">${escaped(shown)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: #d0d7de }
.says { fill: #ffffff; font-weight: bold } .types { fill: #7ee787 } .added { fill: #56d364 } .removed { fill: #ff7b72 } .title { fill: #8b949e }
.lines { transform: translateY(${(ROWS - lines.length) * LINE}px); animation: scroll ${secondsOf(lines).toFixed(1)}s step-end infinite }
@media (prefers-reduced-motion: reduce) { .lines { animation: none } }
@keyframes scroll {
${keyframes(lines)}
}
</style>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
<circle cx="20" cy="15" r="5" fill="#ff5f56"/><circle cx="38" cy="15" r="5" fill="#ffbd2e"/><circle cx="56" cy="15" r="5" fill="#27c93f"/>
<text class="title" x="${width / 2}" y="20" text-anchor="middle">${escaped(title)}</text>
<clipPath id="screen"><rect y="${BAR}" width="${width}" height="${ROWS * LINE + 4}"/></clipPath>
<g clip-path="url(#screen)"><g class="lines">
${texts.filter((text) => text !== "").join("\n")}
</g></g>
</svg>
`;
};

const classOf = (line: string): string => {
  if (line.startsWith("# ")) return "says";
  if (line.startsWith("$ ")) return "types";
  if (/^\+(?!\+)/.test(line)) return "added";
  return /^-(?!-)/.test(line) ? "removed" : "prints";
};

const paceOf = (line: string): number => {
  const [first] = line;
  return first === "#" || first === "$" ? PACE[first] : PACE.other;
};

const secondsOf = (lines: readonly string[]): number => lines.reduce((sum, line) => sum + paceOf(line), END);

/** Before each line comes, all are moved so that it is the lowest on the screen. */
const keyframes = (lines: readonly string[]): string => {
  const total = secondsOf(lines);
  let at = 0;
  return lines
    .map((line, index) => {
      const frame = `${((100 * at) / total).toFixed(2)}% { transform: translateY(${(ROWS - index - 1) * LINE}px) }`;
      at += paceOf(line);
      return frame;
    })
    .join("\n");
};

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
