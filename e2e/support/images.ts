import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findBusybox, type RealCluster } from "@pcmc/devcluster";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** A shell and the usual commands. */
export const BUSYBOX = "localhost/busybox:1";

/** Node.js alone: `/node`. It speaks TLS, which busybox does not. */
export const NODE = "localhost/node:1";

/** The operator as `make bundle` builds it. Its entry point is `pcmc`. */
export const OPERATOR = "localhost/podconfigmap-controller:e2e";

/** A program that does what it is told: `/probe`. See images/probe. */
export const PROBE = "localhost/probe:1";

/** Builds {@link BUSYBOX} for the cluster's node. */
export const buildBusybox = (cluster: RealCluster): Promise<void> =>
  inContext(cluster, BUSYBOX, (context) => {
    copyFileSync(findBusybox() ?? "", join(context, "busybox"));
    return ["COPY busybox /bin/busybox", 'RUN ["/bin/busybox", "--install", "-s", "/bin"]', 'CMD ["/bin/sh"]'];
  });

/** Builds {@link NODE} for the cluster's node. */
export const buildNode = (cluster: RealCluster): Promise<void> =>
  inContext(cluster, NODE, (context) => {
    copyNode(context);
    return ["COPY root/ /", 'ENTRYPOINT ["/node"]'];
  });

/** Builds {@link PROBE} for the cluster's node. */
export const buildProbe = (cluster: RealCluster): Promise<void> =>
  inContext(cluster, PROBE, (context) => {
    compileProbe(join(context, "probe"));
    return ["COPY probe /probe", 'ENTRYPOINT ["/probe"]'];
  });

/** Compiles the probe into a file. It needs no library, so it runs on this machine as it does in a container. */
export const compileProbe = (file: string): void => {
  const sources = globSync(join(repository, "e2e/images/probe/*.c"));
  execFileSync("gcc", ["-O2", "-static", "-o", file, ...sources], { stdio: ["ignore", "ignore", "inherit"] });
};

/**
 * Builds {@link OPERATOR} for the cluster's node: Node, libbpf, their libraries and the program, and no shell. For tests that
 * kill the agent, `/probe` can start it.
 *
 * @throws when there is no bundle.
 */
export const buildOperator = (cluster: RealCluster): Promise<void> =>
  inContext(cluster, OPERATOR, (context) => {
    const bundle = join(repository, "dist/pcmc");
    if (!existsSync(join(bundle, "src/pcmc.js"))) throw new Error(`${bundle} is not there: make bundle`);
    copyNode(context);
    copyLibbpf(context);
    compileProbe(join(context, "root/probe"));
    cpSync(bundle, join(context, "root/pcmc"), { recursive: true });
    return ["COPY root/ /", "USER 65532:65532", 'ENTRYPOINT ["/node", "/pcmc/src/pcmc.js"]'];
  });

/** The pinned Node and the libraries that it is linked to, at their paths: an image of nothing else. */
const copyNode = (context: string): void => {
  copyLibraries(context, process.execPath);
  copyFileSync(process.execPath, join(context, "root/node"));
};

/** Where distributions put libraries of this machine's architecture. */
const LIBRARY_FOLDERS = ["/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib"];

/** Without ld.so.cache a library is found in the folders that the dynamic linker was built with: so it keeps its path. */
const copyLibbpf = (context: string): void => {
  const [library] = LIBRARY_FOLDERS.flatMap((folder) => globSync(join(folder, "libbpf.so.1")));
  if (!library) throw new Error("libbpf.so.1 is not there: apt-get install libbpf1");
  copyLibraries(context, library);
  copyInto(context, library);
};

/** What a binary is linked to, and what that is linked to. */
const copyLibraries = (context: string, binary: string): void => {
  const libraries = execFileSync("ldd", [binary], { encoding: "utf8" }).match(/\/\S+/g) ?? [];
  for (const library of libraries) copyInto(context, library);
};

const copyInto = (context: string, file: string): void => {
  const target = join(context, "root", file);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(file, target);
};

const inContext = async (
  cluster: RealCluster,
  name: string,
  fill: (context: string) => readonly string[],
): Promise<void> => {
  const context = mkdtempSync(join(tmpdir(), "pcmc-image-"));
  try {
    const steps = fill(context);
    writeFileSync(join(context, "Containerfile"), `${["FROM scratch", ...steps].join("\n")}\n`);
    await cluster.images.build({ name, context });
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
};
