import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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

/** Builds {@link OPERATOR} for the cluster's node. @throws when there is no bundle. */
export const buildOperator = (cluster: RealCluster): Promise<void> =>
  inContext(cluster, OPERATOR, (context) => {
    const bundle = join(repository, "dist/pcmc");
    if (!existsSync(join(bundle, "src/pcmc.js"))) throw new Error(`${bundle} is not there: make bundle`);
    copyNode(context);
    cpSync(bundle, join(context, "root/pcmc"), { recursive: true });
    return ["COPY root/ /", "USER 65532:65532", 'ENTRYPOINT ["/node", "/pcmc/src/pcmc.js"]'];
  });

/** The pinned Node and the libraries that it is linked to, at their paths: an image of nothing else. */
const copyNode = (context: string): void => {
  const binary = process.execPath;
  const libraries = execFileSync("ldd", [binary], { encoding: "utf8" }).match(/\/\S+/g) ?? [];
  for (const library of libraries) {
    const target = join(context, "root", library);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(library, target);
  }
  copyFileSync(binary, join(context, "root/node"));
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
