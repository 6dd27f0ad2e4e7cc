import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "@pcmc/devcluster";
import type { ImageFile, Machine } from "./image-machine.ts";

/** A Debian package of which an image has files. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The source package that it is built from, and that one's version: advisories name these. */
  readonly source: string;
  readonly sourceVersion: string;
  readonly maintainer: string;
  /** Its licence as an SPDX expression; undefined for a package that is not known here. */
  readonly license: string | undefined;
  /** Its copyright file here, where it has one. */
  readonly copyright: string | undefined;
}

/** Debian's copyright files are for people. This is what they say of the files that images have: libraries, no tools. */
const LICENSES: Readonly<Record<string, string>> = {
  "ca-certificates": "MPL-2.0",
  libbpf1: "LGPL-2.1-only OR BSD-2-Clause",
  libc6: "LGPL-2.1-or-later",
  libelf1: "LGPL-3.0-or-later OR GPL-2.0-or-later",
  libelf1t64: "LGPL-3.0-or-later OR GPL-2.0-or-later",
  "libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1",
  "libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
  libzstd1: "BSD-3-Clause OR GPL-2.0-only",
  zlib1g: "Zlib",
};

/** Put together from a package's files when that is installed: no package has the file itself. */
const MADE_BY: Readonly<Record<string, string>> = { "/etc/ssl/certs/ca-certificates.crt": "ca-certificates" };

const FIELDS = [
  "binary:Package",
  "Version",
  "Architecture",
  "source:Package",
  "source:Version",
  "Maintainer",
] as const satisfies readonly string[];
const FORMAT = `${FIELDS.map((field) => `\${${field}}`).join("\t")}\n`;

/**
 * The packages that files are from, sorted by name. Empty where there is no dpkg: what lists packages then names the files
 * alone.
 */
export const packagesOf = ({ root, architecture }: Machine, files: readonly ImageFile[]): DebianPackage[] => {
  const database = join(root, "var/lib/dpkg");
  if (!existsSync(database) || findProgram("dpkg-query") === undefined) return [];
  const query = (...args: readonly string[]) =>
    execFileSync("dpkg-query", ["--admindir", database, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  const names = new Set(
    files.map(({ path }) => MADE_BY[path] ?? ownerOf(query, path)).filter((name) => name !== undefined),
  );
  return [...names].sort().map((name) => {
    // A library may be there for several architectures, what is for all of them is there once.
    const [line = ""] = query("-W", "-f", FORMAT, name)
      .split("\n")
      .filter((one) => one.includes(`\t${architecture}\t`) || one.includes("\tall\t"));
    const [, version = "", forArchitecture = "", source = "", sourceVersion = "", maintainer = ""] = line.split("\t");
    // This machine's is as good where that one only points to another package.
    const copyright = [root, "/"]
      .map((folder) => join(folder, "usr/share/doc", name, "copyright"))
      .find((file) => existsSync(file));
    return {
      ...{ name, version, architecture: forArchitecture, source, sourceVersion, maintainer, license: LICENSES[name] },
      copyright,
    };
  });
};

/** dpkg knows a file by where its package put it: /lib, which is a link to /usr/lib by now. */
const ownerOf = (query: (...args: readonly string[]) => string, path: string): string | undefined => {
  for (const known of [path, path.replace(/^\/usr/, "")]) {
    try {
      return query("-S", known).split(":")[0];
    } catch {
      // It has no file of that path.
    }
  }
  return undefined;
};

/** What scanners read in /var/lib/dpkg/status.d/NAME, as in distroless images. */
export const statusOf = (one: DebianPackage): string => `Package: ${one.name}
Status: install ok installed
Maintainer: ${one.maintainer}
Architecture: ${one.architecture}
Source: ${one.source} (${one.sourceVersion})
Version: ${one.version}
Description: ${one.name}
`;
