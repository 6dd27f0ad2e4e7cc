import { type Finding as Fault, type FaultReason, fieldOf } from "../api/conform.ts";

/** Where inside a value; both counted from 1, columns in characters. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Something that admission has to say of an object. */
export interface Finding {
  /** `error`: it is refused. `warning`: it is legal, and surely not meant. */
  readonly severity: "error" | "warning";
  /** The way to the value: `["spec", "configMapDataTemplate", "app.conf"]`. */
  readonly path: readonly (string | number)[];
  /** One line: what is wrong, and what to do. */
  readonly message: string;
  /** Where inside the value at `path`, for templates. */
  readonly position?: Position;
  /** The line of the template at fault, and below it a line with a caret. */
  readonly excerpt?: string;
  /** The kind of fault, in Kubernetes' words. Absent: FieldValueInvalid. */
  readonly reason?: FaultReason;
  /** An error only because it could not be judged in time: another try may find nothing. */
  readonly isUnjudged?: true;
}

/** What an error is about, and what it says. */
export const error = (path: Finding["path"], message: string, reason?: FaultReason): Finding => ({
  severity: "error",
  path,
  message,
  ...(reason !== undefined && { reason }),
});

/** What a warning is about, and what it says. */
export const warning = (path: Finding["path"], message: string): Finding => ({ severity: "warning", path, message });

export const isError = ({ severity }: Finding): boolean => severity === "error";

/** A fault that the schema finds, as a finding. */
export const asError = ({ path, message, reason }: Fault): Finding => ({ severity: "error", path, message, reason });

/** Errors before warnings, each in the order in which they came. */
export const errorsFirst = (findings: readonly Finding[]): readonly Finding[] => [
  ...findings.filter(isError),
  ...findings.filter((finding) => !isError(finding)),
];

/** An excerpt below a message. A line ends where the template's lines do, not behind what else looks like an end. */
export const indented = (excerpt: string): string => `    ${excerpt.replaceAll("\n", "\n    ")}`;

/** `spec.configMapDataTemplate[app.conf]:3:7`: the field, and the position inside it where there is one. */
export const placeOf = ({ path, position }: Finding): string =>
  position === undefined ? fieldOf(path) : `${fieldOf(path)}:${position.line}:${position.column}`;

/** The finding in one line, `field: message`. */
export const describeFinding = (finding: Finding): string => `${placeOf(finding)}: ${finding.message}`;
