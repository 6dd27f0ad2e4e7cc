import { snakeCase } from "@pcmc/controller-runtime";

/** The `error_type` of a reason that a status gives: docs/reference/metrics.md lists them. */
export const failureType = (reason: string): string => {
  if (reason === "TooLarge") return "size";
  if (reason.startsWith("Template")) return "template";
  if (reason === "ConfigMapConflict") return "conflict";
  return snakeCase(reason);
};
