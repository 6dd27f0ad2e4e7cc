import type { Finding } from "../admission/finding.ts";
import type { TemplateEngine } from "../admission/template-engine.ts";
import { validatePodConfigMapConfig } from "../admission/validate.ts";
import { validateWatcher } from "../admission/watcher/validate.ts";
import { fieldOf } from "../api/conform.ts";
import { watcherResource } from "../api/watcher.ts";
import { PARSE_DEADLINE } from "../podconfigmap/parse-deadline.ts";
import { type Manifest, type Place, placeText } from "./input/manifest.ts";
import { isMeantAs, isMeantForUs, passedOver } from "./input/object.ts";
import { readYaml } from "./input/read-yaml.ts";
import { type SourceFile, Sources } from "./input/sources.ts";
import { EXIT, InputError, type Io } from "./io.ts";
import { LazyEngine } from "./lazy-engine.ts";

/** What `pcmc validate` was asked for. */
export interface ValidateOptions {
  readonly filename: readonly string[];
  /** Warnings count as errors. */
  readonly strict?: boolean;
  readonly output: "text" | "json";
}

/** What `-o json` prints, one for each finding. */
interface PlacedFinding extends Place, Pick<Finding, "severity" | "message" | "excerpt"> {
  /** Empty where the file is no YAML. */
  readonly field: string;
}

/** The kinds that are checked, as one says that there is none of them. */
const OURS = "PodConfigMapConfig or Watcher";

const isWatcher = (manifest: Manifest): boolean => isMeantAs(manifest, watcherResource);
const isOurs = (manifest: Manifest): boolean => isWatcher(manifest) || isMeantForUs(manifest);

/**
 * Checks the PodConfigMapConfigs and Watchers of files as admission does, and prints what it finds, each with its place in the file.
 *
 * @returns 0; 1 with errors, or with warnings where they count; 2 when a file is no YAML.
 * @throws InputError when a file cannot be read, or there is nothing to check.
 */
export const validate = async ({ filename, strict, output }: ValidateOptions, io: Io): Promise<number> => {
  const files = (await new Sources(io).read(filename)).map((source) => ({
    source,
    yaml: readYaml(source.file, source.text),
  }));
  const syntax = files.flatMap(({ yaml }) => yaml.syntax.map(textFinding));
  const manifests = files.flatMap(({ yaml }) => yaml.manifests);
  const ours = manifests.filter(isOurs);
  if (ours.length === 0 && syntax.length === 0) throw new InputError([nothingIn(files.map(({ source }) => source))]);
  const found = [
    ...syntax,
    ...files.flatMap(({ yaml }) => yaml.duplicates.map(textFinding)),
    ...(await admissionFindings(ours)),
  ];
  const order = new Map(files.map(({ source }, index) => [source.file, index]));
  const sorted = found.toSorted((a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || byPlace(a, b));
  io.stdout(output === "json" ? `${JSON.stringify(sorted, null, 2)}\n` : sorted.map(lineOf).join(""));
  for (const other of manifests.filter((manifest) => !isOurs(manifest)))
    io.stderr(`note: ${passedOver(other, OURS)}\n`);
  if (syntax.length > 0) return EXIT.badInput;
  return sorted.some(({ severity }) => strict || severity === "error") ? EXIT.failed : EXIT.ok;
};

const nothingIn = (files: readonly SourceFile[]): string => `no ${OURS} in ${files.map(({ file }) => file).join(", ")}`;

const textFinding = ({ place, field, message }: { place: Place; field: string; message: string }): PlacedFinding => ({
  ...place,
  severity: "error",
  field,
  message,
});

const admissionFindings = async (manifests: readonly Manifest[]): Promise<readonly PlacedFinding[]> => {
  await using engine = new LazyEngine();
  const found = manifests.map(async (manifest) =>
    (await findingsOf(manifest, engine)).map((finding) => placed(manifest, finding)),
  );
  return (await Promise.all(found)).flat();
};

const findingsOf = async (manifest: Manifest, engine: TemplateEngine): Promise<readonly Finding[]> =>
  isWatcher(manifest)
    ? validateWatcher(manifest.value)
    : validatePodConfigMapConfig(manifest.value, { engine, parseTime: PARSE_DEADLINE });

const placed = (manifest: Manifest, finding: Finding): PlacedFinding => {
  const { severity, path, message, position, excerpt } = finding;
  // An unknown field is about its key, all else about its value.
  const place = finding.reason === "FieldValueForbidden" ? manifest.keyPlace(path) : manifest.place(path, position);
  return { ...place, severity, field: fieldOf(path), message, ...(excerpt !== undefined && { excerpt }) };
};

const byPlace = (a: Place, b: Place): number => a.line - b.line || a.column - b.column;

const lineOf = (finding: PlacedFinding): string => {
  const { severity, field, message } = finding;
  const parts = [placeText(finding), field, severity === "warning" ? "warning" : "", message];
  return `${parts.filter((part) => part !== "").join(": ")}\n`;
};
