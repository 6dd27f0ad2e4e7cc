import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { type Architecture, type Machine, NAMES, ownArchitecture, ownMachine } from "./image-machine.ts";

/** The Debian packages whose files images have, but for the certificates, which are the same for every architecture. */
const PACKAGES = ["libc6", "libgcc-s1", "libstdc++6", "libbpf1", "libelf1", "zlib1g"];
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

/** What takes longer than this does not come. Milliseconds. */
const TIMEOUT = 300_000;

/**
 * Where the files of an architecture come from: this machine; for another architecture, packages of that one, which are
 * downloaded once with npm and apt and unpacked into the user's cache. Nothing is installed, and nothing of them runs.
 *
 * @throws with what npm, apt or dpkg said
 */
export const machineFor = (architecture: Architecture): Machine => {
  if (architecture === ownArchitecture()) return ownMachine();
  const base = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const { versions } = process;
  const name = `${architecture}-node-${versions.node}-with-license`;
  const folder = join(base, "podconfigmap-controller", "images", name);
  if (!existsSync(folder)) fetchInto(folder, architecture);
  return { architecture, root: join(folder, "root"), node: join(folder, "package/bin/node") };
};

/** All of it or nothing. */
const fetchInto = (folder: string, architecture: Architecture): void => {
  mkdirSync(dirname(folder), { recursive: true });
  const next = mkdtempSync(`${folder}.`);
  try {
    fetchNode(next, architecture);
    fetchLibraries(next, architecture);
    renameSync(next, folder);
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
};

const run = (folder: string, program: string, args: readonly string[]): string =>
  execFileSync(program, args, {
    cwd: folder,
    encoding: "utf8",
    timeout: TIMEOUT,
    stdio: ["ignore", "pipe", "inherit"],
  });

/** The package that npm's package `node` takes its executable from, there. It unpacks into `package`. */
const fetchNode = (folder: string, architecture: Architecture): void => {
  const name = `node-linux-${NAMES[architecture].node}@${process.versions.node}`;
  const archive = run(folder, "npm", ["pack", "--silent", name]).trim();
  run(folder, "tar", ["-xzf", archive, "package/bin/node", "package/LICENSE"]);
  rmSync(join(folder, archive));
};

const fetchLibraries = (folder: string, architecture: Architecture): void => {
  const root = join(folder, "root");
  const apt = join(folder, "apt");
  for (const path of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(apt, path), { recursive: true });
  writeFileSync(join(apt, "status"), "");
  // With a state of its own: the machine's apt knows nothing of that architecture, before and after.
  const options = [
    ...[`APT::Architecture=${architecture}`, `APT::Architectures=${architecture}`, "APT::Sandbox::User=root"],
    ...[`Dir::State::lists=${join(apt, "lists")}`, `Dir::State::status=${join(apt, "status")}`],
    `Dir::Cache=${join(apt, "cache")}`,
  ].flatMap((option) => ["-o", option]);
  run(apt, "apt-get", ["-qq", ...options, "update"]);
  run(apt, "apt-get", ["-qq", ...options, "download", ...PACKAGES]);
  const archives = readdirSync(apt).filter((name) => name.endsWith(".deb"));
  for (const archive of archives) run(apt, "dpkg-deb", ["-x", archive, root]);
  writeDatabase(join(root, "var/lib/dpkg"), apt, archives);
  const certificates = join(root, CERTIFICATES);
  mkdirSync(dirname(certificates), { recursive: true });
  cpSync(CERTIFICATES, certificates, { dereference: true });
  rmSync(apt, { recursive: true, force: true });
};

/** As dpkg would have written it: which packages there are, and which files each has. */
const writeDatabase = (database: string, folder: string, archives: readonly string[]): void => {
  mkdirSync(join(database, "info"), { recursive: true });
  writeFileSync(join(database, "info/format"), "1\n");
  const records = archives.map((archive) => {
    const fields = run(folder, "dpkg-deb", ["-f", archive]);
    const [name, architecture] = ["Package", "Architecture"].map((field) =>
      run(folder, "dpkg-deb", ["-f", archive, field]).trim(),
    );
    const files = run(folder, "dpkg-deb", ["-c", archive]);
    const paths = files.split("\n").flatMap((line) => /\s\.(\/\S*)/.exec(line)?.[1]?.replace(/(.)\/$/, "$1") ?? []);
    // dpkg calls the root by this name.
    const list = paths.map((path) => (path === "/" ? "/." : path));
    writeFileSync(join(database, `info/${name}:${architecture}.list`), `${list.join("\n")}\n`);
    return fields.replace(/^(Package: .*)$/m, "$1\nStatus: install ok installed");
  });
  // The machine's: it is for all architectures.
  records.push(run(folder, "dpkg-query", ["--status", "ca-certificates"]));
  writeFileSync(join(database, "status"), records.join("\n"));
};
