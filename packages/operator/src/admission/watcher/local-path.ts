import { error, type Finding } from "../finding.ts";

/** Whether a path has `..` among its parts: the API server refuses such paths where they could lead out of a volume. */
export const climbs = (path: string): boolean => path.split("/").includes("..");

/** What is wrong with a path that has to stay inside something. Source: Kubernetes' `validateLocalDescendingPath`. */
export const localPathFaults = (path: Finding["path"], local: string): readonly Finding[] => {
  if (local.startsWith("/")) return [error(path, "must be a relative path: remove the / at its start")];
  return climbs(local) ? [error(path, "must not lead out: remove ..")] : [];
};
