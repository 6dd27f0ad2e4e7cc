import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A Kubernetes version that this package can provide. */
export interface KubernetesVersion {
  /** `1.36`, also the name of its Go module's folder below `go/`. */
  readonly minor: string;
  /** `1.36.3`. */
  readonly full: string;
  /** Folder of the Go module that pins it. */
  readonly module: string;
}

/** The version used when none is named. */
export const DEFAULT_VERSION = "1.36";

const goFolder = fileURLToPath(new URL("../go/", import.meta.url));

/** Folder of the Go module that pins kwok. */
export const kwokModule = `${goFolder}kwok`;

/**
 * Finds a version: `1.36`, or exactly `1.36.3`, with or without `v`.
 *
 * @throws an error of one line that lists what there is.
 */
export const findVersion = (wanted = DEFAULT_VERSION): KubernetesVersion => {
  const name = wanted.replace(/^v/, "");
  const known = listVersions();
  const found = known.find(({ minor, full }) => name === minor || name === full);
  if (found) return found;
  const list = known.map(({ minor, full }) => `${minor} (${full})`).join(", ");
  throw new Error(`Kubernetes ${wanted} is not known here; there is: ${list}`);
};

/** All versions, one per folder `go/<minor>`. */
export const listVersions = (): KubernetesVersion[] =>
  readdirSync(goFolder)
    .filter((name) => /^\d+\.\d+$/.test(name))
    .map((minor) => {
      const module = `${goFolder}${minor}`;
      return { minor, module, full: requiredVersion(module, "k8s.io/kubernetes") };
    });

/** The version of `path` that the go.mod of a module folder requires, without `v`. */
export const requiredVersion = (module: string, path: string): string => {
  const escaped = path.replaceAll(".", "\\.");
  const found = new RegExp(`^\\s*(?:require )?${escaped} v(\\S+)`, "m").exec(readFileSync(`${module}/go.mod`, "utf8"));
  if (!found?.[1]) throw new Error(`${module}/go.mod does not require ${path}`);
  return found[1];
};
