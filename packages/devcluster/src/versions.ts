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

/** The version used when none is named: what the operator's generated schemas are of, too. */
export const DEFAULT_VERSION = "1.36";

/**
 * The version of a cluster that is asked for without one: `KUBERNETES_VERSION` of the environment, else
 * {@link DEFAULT_VERSION}. So the same tests run against another version, and none of them says so.
 */
export const wantedVersion = (env: NodeJS.ProcessEnv = process.env): string =>
  env.KUBERNETES_VERSION || DEFAULT_VERSION;

/** Folder of the Go modules, one for each minor version and some tools. */
export const goFolder = fileURLToPath(new URL("../go/", import.meta.url));

/** Folder of the Go module that pins kwok. */
export const kwokModule = `${goFolder}kwok`;

/** Folder of the Go module that pins helm. */
export const helmModule = `${goFolder}helm`;

/**
 * Finds a version: `1.36`, or exactly `1.36.3`, with or without `v`.
 *
 * @throws an error of one line that lists what there is.
 */
export const findVersion = (wanted = wantedVersion()): KubernetesVersion => {
  const name = wanted.replace(/^v/, "");
  const known = listVersions();
  const found = known.find(({ minor, full }) => name === minor || name === full);
  if (found) return found;
  const list = known.map(({ minor, full }) => `${minor} (${full})`).join(", ");
  throw new Error(
    `Kubernetes ${wanted} is not known here; there is: ${list}; packages/devcluster/README.md says how to add one`,
  );
};

/** All versions, one per folder `go/<minor>`, the oldest first. */
export const listVersions = (): KubernetesVersion[] =>
  readdirSync(goFolder)
    .filter((name) => /^\d+\.\d+$/.test(name))
    .sort((one, other) => minorNumber(one) - minorNumber(other))
    .map((minor) => {
      const module = `${goFolder}${minor}`;
      return { minor, module, full: requiredVersion(module, "k8s.io/kubernetes") };
    });

/** Whether {@link wantedVersion} is this minor version or a later one. */
export const isAtLeast = (minor: string, env?: NodeJS.ProcessEnv): boolean =>
  minorNumber(findVersion(wantedVersion(env)).minor) >= minorNumber(minor);

/**
 * For a test of what older versions do not have: whether it is missing, and what to add to the test's name then.
 *
 * @param what - what came with `minor`, as the start of a sentence that goes on with "came with Kubernetes ..."
 * @example
 * const policies = since("1.30", "ValidatingAdmissionPolicy v1");
 * test.skipIf(policies.missing)(`an agent changes one condition${policies.note}`, ...);
 */
export const since = (minor: string, what: string, env?: NodeJS.ProcessEnv): { missing: boolean; note: string } => {
  const missing = !isAtLeast(minor, env);
  const note = `(skipped: ${what} came with Kubernetes ${minor}, this is ${findVersion(wantedVersion(env)).full})`;
  return { missing, note: missing ? ` ${note}` : "" };
};

/** 36 of `1.36`. There is no Kubernetes 2. */
const minorNumber = (minor: string): number => Number(minor.split(".")[1]);

/** The version of `path` that the go.mod of a module folder requires, without `v`. */
export const requiredVersion = (module: string, path: string): string => {
  const escaped = path.replaceAll(".", "\\.");
  const found = new RegExp(`^\\s*(?:require )?${escaped} v(\\S+)`, "m").exec(readFileSync(`${module}/go.mod`, "utf8"));
  if (!found?.[1]) throw new Error(`${module}/go.mod does not require ${path}`);
  return found[1];
};
