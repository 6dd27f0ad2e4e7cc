import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isExecutable } from "../binaries.ts";
import { searchPath } from "../search-path.ts";
import { isStaticallyLinked } from "./elf.ts";
import { run } from "./run.ts";

/** A Debian package, and what of it a node needs. */
interface Requirement {
  readonly name: string;
  readonly isThere: () => boolean;
}

/** Where distributions put the network plugins. */
const CNI_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];

const CNI_PLUGINS = ["ptp", "host-local", "portmap", "loopback"];

/** The systemd unit that comes with containerd, and is started when that is installed. */
const CONTAINERD_UNIT = "containerd.service";

/** How long apt may take, the wait for another included. Milliseconds. */
const INSTALL_TIMEOUT = 1_800_000;

/** How many seconds apt waits for another apt or dpkg to end. */
const LOCK_TIMEOUT = "DPkg::Lock::Timeout=300";

/** Path of a program of this machine; undefined when there is none. */
export const findProgram = (name: string): string | undefined => programsCalled(name)[0];

/** Path of a busybox that is linked statically: images have no libraries for another one. Undefined when there is none. */
export const findBusybox = (): string | undefined => programsCalled("busybox").find(isStaticallyLinked);

/** In the order in which they are found. */
const programsCalled = (name: string): string[] =>
  searchPath()
    .map((folder) => join(folder, name))
    .filter(isExecutable);

/** Folder of the network plugins; undefined when no folder has them all. */
export const findCniFolder = (): string | undefined =>
  CNI_FOLDERS.find((folder) => CNI_PLUGINS.every((plugin) => isExecutable(join(folder, plugin))));

const has = (...programs: readonly string[]) => programs.every((program) => findProgram(program) !== undefined);

const REQUIREMENTS: readonly Requirement[] = [
  { name: "containerd", isThere: () => has("containerd", "ctr", "containerd-shim-runc-v2") },
  { name: "runc", isThere: () => has("runc") },
  { name: "containernetworking-plugins", isThere: () => findCniFolder() !== undefined },
  { name: "iptables", isThere: () => has("iptables") },
  { name: "nftables", isThere: () => has("nft") },
  { name: "iproute2", isThere: () => has("ip") },
  { name: "util-linux", isThere: () => has("unshare", "nsenter", "setpriv") },
  { name: "buildah", isThere: () => has("buildah") },
  { name: "busybox-static", isThere: () => findBusybox() !== undefined },
];

/** Names of the Debian packages that a real node needs and that are not there. */
const missingPackages = (): string[] => REQUIREMENTS.filter(({ isThere }) => !isThere()).map(({ name }) => name);

/**
 * Why a real node cannot run here, in one line that says what to do; undefined when it can.
 *
 * @example
 * test.skipIf(whyNoRealNode() !== undefined)("...", ...);
 */
export const whyNoRealNode = (): string | undefined => {
  const reason = whyNeverHere();
  if (reason) return reason;
  const missing = missingPackages();
  if (missing.length === 0) return undefined;
  return `a real node needs ${missing.join(", ")}: apt-get install ${missing.join(" ")}, or pcmc-devcluster install-packages`;
};

/** What no package mends. */
const whyNeverHere = (): string | undefined => {
  if (process.platform !== "linux") return `a real node needs Linux, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "a real node needs root: it makes namespaces, mounts and cgroups";
  return whyNotAsThisRoot(readFileSync("/proc/self/status", "utf8"));
};

/** What a node cannot do without, by the bits of capabilities(7): namespaces and mounts; links, routes and nft tables. */
const CAPABILITIES = { CAP_SYS_ADMIN: 21n, CAP_NET_ADMIN: 12n };

/** Root in a container, say, is not allowed all that root is. Reads `/proc/self/status`. */
export const whyNotAsThisRoot = (status: string): string | undefined => {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const missing = Object.entries(CAPABILITIES).filter(([, bit]) => ((effective >> bit) & 1n) === 0n);
  if (missing.length === 0) return undefined;
  const names = missing.map(([name]) => name).join(" and ");
  return `a real node needs ${names}, which root does not have here: a container must be privileged`;
};

/**
 * Installs the missing Debian packages. No service is left running, or enabled, that was not before.
 *
 * @param log - gets a line when there is something to install, and what apt-get said when it could not refresh its lists
 * @throws one line where this is not Linux, or not root, or has no apt-get, or with what apt-get said
 */
export const installPackages = async (log: (line: string) => void): Promise<void> => {
  const reason = whyNeverHere();
  if (reason) throw new Error(reason);
  const missing = missingPackages();
  if (missing.length === 0) return;
  const apt = findProgram("apt-get");
  if (!apt) throw new Error(`there is no apt-get to install ${missing.join(", ")} with`);
  log(`installing ${missing.join(" ")} ...`);
  const options = { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }, timeout: INSTALL_TIMEOUT };
  await withoutStarting(missing, async () => {
    // One repository that does not answer fails it all, and the packages may be of another, or known already.
    await run(apt, ["-q", "-o", LOCK_TIMEOUT, "update"], options).catch(({ message }: Error) => log(message));
    await run(apt, ["-q", "-y", "-o", LOCK_TIMEOUT, "--no-install-recommends", "install", ...missing], options);
  });
};

/** Where systemd runs, a masked unit is one that no package can start. */
const withoutStarting = async (missing: readonly string[], install: () => Promise<void>): Promise<void> => {
  const systemctl = existsSync("/run/systemd/system") ? findProgram("systemctl") : undefined;
  if (!systemctl || !missing.includes("containerd")) return install();
  await run(systemctl, ["mask", "--runtime", CONTAINERD_UNIT]);
  try {
    await install();
  } finally {
    await run(systemctl, ["unmask", "--runtime", CONTAINERD_UNIT]);
  }
  await run(systemctl, ["disable", CONTAINERD_UNIT]);
};
