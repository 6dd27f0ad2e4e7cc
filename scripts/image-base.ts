import { existsSync } from "node:fs";
import { join } from "node:path";
import { type DebianPackage, packagesOf, statusOf } from "./image-debian.ts";
import { commonLicenses, nodeLicense } from "./image-licenses.ts";
import { type ImageFile, librariesOf, type Machine } from "./image-machine.ts";
import { ImageTree } from "./image-tree.ts";

/** Where distroless images have Node. */
export const NODE = "/nodejs/bin/node";

/** Node's licence, where Debian's packages have theirs. */
export const NODE_COPYRIGHT = "/usr/share/doc/node/copyright";

/** Where Go, OpenSSL and Node's `--use-openssl-ca` look. */
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

/** Names of the user ids that run here, for what asks; as in distroless images. */
const PASSWD = `root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
`;
const GROUP = `root:x:0:
nobody:x:65534:
nonroot:x:65532:
`;

/** What a container's /etc/hosts says comes before DNS. */
const NSSWITCH = `passwd: files
group: files
hosts: files dns
`;

/** What a base image is made of, for lists of it. */
export interface BaseContents {
  readonly files: readonly ImageFile[];
  readonly packages: readonly DebianPackage[];
}

/**
 * Writes the root file system that a distroless image of Node has, from what a machine has: Node, the libraries that it is
 * linked to, certificates, names of users. No shell, no package manager.
 *
 * @param folder - an empty one
 */
export const writeBase = (folder: string, machine: Machine): BaseContents => {
  const tree = new ImageTree(folder);
  const libraries = librariesOf(machine, [machine.node]);
  const certificates = { path: CERTIFICATES, source: join(machine.root, CERTIFICATES) };
  if (!existsSync(certificates.source))
    throw new Error(`${CERTIFICATES} is not there: apt-get install ca-certificates`);
  tree.copy(machine.node, NODE, 0o755);
  const license = nodeLicense(machine);
  tree.copy(license, NODE_COPYRIGHT);
  // Debian's own Node has a copyright file like every package.
  for (const { source, path } of commonLicenses(machine, [license])) tree.copy(source, path);
  // The dynamic linker is a program.
  for (const { source, path } of libraries) tree.copy(source, path, path.includes("/ld-linux") ? 0o755 : 0o644);
  tree.copy(certificates.source, certificates.path);
  tree.write("/etc/passwd", PASSWD);
  tree.write("/etc/group", GROUP);
  tree.write("/etc/nsswitch.conf", NSSWITCH);
  tree.folder("/tmp", 0o1777);
  tree.folder("/home/nonroot", 0o755);
  const files = [...libraries, certificates];
  const packages = packagesOf(machine, files);
  writeNotices(tree, machine, packages);
  return { files, packages };
};

/**
 * What their licences want to go with them, the texts that are only pointed to included, and what scanners look for: they
 * know a package by its record in /var/lib/dpkg/status.d, as distroless images have it.
 */
export const writeNotices = (tree: ImageTree, machine: Machine, packages: readonly DebianPackage[]): void => {
  const copyrights = packages.map(({ copyright }) => copyright).filter((file) => file !== undefined);
  for (const { source, path } of commonLicenses(machine, copyrights)) tree.copy(source, path);
  for (const one of packages) {
    if (one.copyright !== undefined) tree.copy(one.copyright, `/usr/share/doc/${one.name}/copyright`);
    tree.write(`/var/lib/dpkg/status.d/${one.name}`, statusOf(one));
  }
};
