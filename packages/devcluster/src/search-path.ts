import { delimiter } from "node:path";

/**
 * Folders in which programs of this machine are looked for and found, by whatever is started too. Those of the system
 * come last: a user's PATH may lack the ones for root's programs.
 */
export const searchPath = (): string[] => [
  ...(process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== ""),
  "/usr/sbin",
  "/sbin",
  "/usr/bin",
  "/bin",
];

/** {@link searchPath} as a variable of the environment. */
export const pathVariable = (): string => searchPath().join(delimiter);
