import { execFileSync } from "node:child_process";
import { copyFileSync, globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findBusybox, type RealCluster } from "@pcmc/devcluster";
import { ARCHIVES, referenceOf, whyNotUpToDate } from "../../scripts/image-build.ts";
import { librariesOf, ownMachine } from "../../scripts/image-machine.ts";
import { ImageTree } from "../../scripts/image-tree.ts";
import type { ImageName } from "../../scripts/project.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** A shell and the usual commands. */
export const BUSYBOX = "localhost/busybox:1";

/** Node.js alone: `/node`. It speaks TLS, which busybox does not. */
export const NODE = "localhost/node:1";

/** The images of `make image`, as the manifests name them. */
export const MANAGER = referenceOf("manager");
export const AGENT = referenceOf("agent");

/**
 * Gives the cluster's node images of `make image`, which are what users run: {@link MANAGER}, {@link AGENT}. Manifests need no
 * change for them.
 *
 * @returns the names of both
 * @throws when they are not there, or are not of this bundle
 */
export const ensureImages = async (
  cluster: RealCluster,
  names: readonly ImageName[] = ["manager", "agent"],
): Promise<{ readonly manager: string; readonly agent: string }> => {
  const reason = whyNotUpToDate(ARCHIVES);
  if (reason) throw new Error(`${reason}: make image`);
  for (const name of names) await cluster.images.load(join(ARCHIVES, `${name}.tar`));
  return { manager: MANAGER, agent: AGENT };
};

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

/** The pinned Node and the libraries that it is linked to, at their paths: an image of nothing else. */
const copyNode = (context: string): void => {
  const machine = ownMachine();
  const tree = new ImageTree(join(context, "root"));
  for (const { source, path } of librariesOf(machine, [machine.node])) tree.copy(source, path, 0o755);
  tree.copy(machine.node, "/node", 0o755);
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
