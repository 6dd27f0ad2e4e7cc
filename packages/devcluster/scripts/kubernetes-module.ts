import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { DEFAULT_VERSION, goFolder } from "../src/versions.ts";

/*
 * Writes the Go module of a minor version of Kubernetes, go/<minor>, from which the dev cluster builds its programs:
 *
 *     node packages/devcluster/scripts/kubernetes-module.ts 1.33        # the last patch that the Go module proxy lists
 *     node packages/devcluster/scripts/kubernetes-module.ts 1.33.13     # exactly this one
 *
 * Needs Go and its module proxy; takes seconds. A module that is there is brought to the version, with the same result
 * as if it had not been there.
 */

const KUBERNETES = "k8s.io/kubernetes";

/** The etcd that the API server of this version was built against: its go.mod names it. */
const ETCD = "go.etcd.io/etcd/server/v3";

/** Kubernetes requires the modules of its own repository at this version, which exists nowhere but there. */
const STAGING_VERSION = "v0.0.0";

interface GoMod {
  readonly Go: string;
  readonly Require: readonly { readonly Path: string; readonly Version: string }[];
}

const go = (args: readonly string[], cwd?: string): string =>
  execFileSync("go", args, { cwd, encoding: "utf8", env: { ...process.env, GOWORK: "off", GOFLAGS: "-mod=mod" } });

/** `v1.33.13` of `1.33`, `1.33.13` or either with `v`. */
const resolveVersion = (wanted: string): string => {
  if (!/^v?1\.\d+(\.\d+)?$/.test(wanted)) throw new Error(`${wanted} is no version such as 1.33 or 1.33.13`);
  const found = JSON.parse(go(["list", "-m", "-json", `${KUBERNETES}@v${wanted.replace(/^v/, "")}`]));
  return String(found.Version);
};

const readGoMod = (version: string): GoMod => {
  const downloaded = JSON.parse(go(["mod", "download", "-json", `${KUBERNETES}@${version}`]));
  return JSON.parse(go(["mod", "edit", "-json", String(downloaded.GoMod)])) as GoMod;
};

/** The file before `go mod tidy`, which adds what is required indirectly. */
const renderGoMod = (version: string, kubernetes: GoMod): string => {
  const etcd = kubernetes.Require.find(({ Path }) => Path === ETCD);
  if (!etcd) throw new Error(`the go.mod of ${KUBERNETES} ${version} does not require ${ETCD}`);
  const staging = kubernetes.Require.filter(({ Version }) => Version === STAGING_VERSION).map(({ Path }) => Path);
  const published = version.replace(/^v1\./, "v0.");
  return [
    "module podconfigmap-controller/devcluster/kubernetes",
    "",
    // Its own, not this toolchain's: the compiler takes the defaults of GODEBUG from it, so that the programs speak
    // TLS and HTTP as those of the release do.
    `go ${kubernetes.Go}`,
    "",
    "require (",
    `\t${ETCD} ${etcd.Version}`,
    `\t${KUBERNETES} ${version}`,
    ")",
    "",
    "replace (",
    ...staging.sort().map((path) => `\t${path} => ${path} ${published}`),
    ")",
    "",
  ].join("\n");
};

/** Writes the module beside where it will be: a folder of this name is a version that others start at once. */
const writeModule = (version: string, staging: string): void => {
  writeFileSync(`${staging}/go.mod`, renderGoMod(version, readGoMod(version)));
  // The commands have had the same places in all these versions.
  const template = `${goFolder}${DEFAULT_VERSION}`;
  for (const name of ["tools.go", "cmd"]) cpSync(`${template}/${name}`, `${staging}/${name}`, { recursive: true });
  go(["mod", "tidy"], staging);
};

const { positionals } = parseArgs({ allowPositionals: true });
const [wanted, ...more] = positionals;
if (wanted === undefined || more.length > 0) throw new Error("usage: kubernetes-module.ts <version>");

const version = resolveVersion(wanted);
const folder = `${goFolder}${version.replace(/^v(\d+\.\d+)\..*$/, "$1")}`;
const staging = mkdtempSync(`${goFolder}.new-`);
try {
  writeModule(version, staging);
  rmSync(folder, { recursive: true, force: true });
  renameSync(staging, folder);
} finally {
  rmSync(staging, { recursive: true, force: true });
}
chmodSync(folder, 0o755);
process.stdout.write(`${folder}: Kubernetes ${version}\n`);
