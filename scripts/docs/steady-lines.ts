/** Lines of the manager's log, which the demo shows dimmed. */
const LOG = /^ {8}[IWE]\d{4} /;
const RANDOM_NAME = /\b(greeter|checkout)-[a-z0-9]{6,10}-[a-z0-9]{5}\b/g;
const UID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;

/** What the demo prints, with all that differs from run to run replaced by what is always the same. */
export const steadyLines = (printed: string): readonly string[] => {
  const names = new Map<string, string>();
  const nameOf = (name: string, of: string) => {
    const count = [...names.keys()].filter((other) => other.startsWith(`${of}-`)).length;
    const steady = names.get(name) ?? `${of}-7c9d8f6b5-${"abcdefgh"[count] ?? "z"}2k4q`;
    names.set(name, steady);
    return steady;
  };
  return withoutRuns(
    printed
      .split("\n")
      .filter((line) => !LOG.test(line))
      .map((line) =>
        line
          .replace(/^ *\d+\.\ds {2}/, "# ")
          .replaceAll(RANDOM_NAME, nameOf)
          .replaceAll(UID, "5d1f0b6a-3c1e-4c57-9f0a-2b7c6d8e9f10")
          .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:6443")
          .replaceAll(/\bnode-\d\b/g, "node-0")
          .replaceAll(/\b\d+m?s$/g, "1s")
          .replaceAll(/ {2}\(seen \d+ ms later\)/g, "")
          .trimEnd(),
      ),
  );
};

/** At most one empty line at a time. */
const withoutRuns = (lines: readonly string[]): readonly string[] =>
  lines.filter((line, index) => line !== "" || (lines[index - 1] ?? "") !== "");
