import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Buildah } from "@pcmc/devcluster";
import { BUNDLE } from "./bundle.ts";
import { NODE, writeBase } from "./image-base.ts";
import type { Machine } from "./image-machine.ts";
import { type Metadata, timeOf } from "./image-metadata.ts";
import { bundleDigest, SBOM, STAGE, stage } from "./image-stage.ts";
import { sizeBelow } from "./image-tree.ts";
import { HOME, IMAGES, type ImageName, VERSION } from "./project.ts";

const repository = fileURLToPath(new URL("..", import.meta.url));

/** Where `make image` puts the archives: `manager.tar` and `agent.tar`, each with its `.cdx.json`. */
export const ARCHIVES = join(repository, "dist/images");

/** What an image of no registry is called by containerd and so by kubelets. */
const DEFAULT_REGISTRY = "docker.io/library";

/** The base that is made from scratch, as the labels of what is built on it have it. */
const BASE = "localhost/podconfigmap-controller-base:scratch";

/** Beside the archives: what they were made of. */
const INPUTS = "inputs.json";

/** Why archives cannot be used for what is in dist/pcmc, in a few words; undefined when they can. */
export const whyNotUpToDate = (folder: string): string | undefined => {
  const file = join(folder, INPUTS);
  if (!existsSync(file)) return `there are no images in ${folder}`;
  const { bundle } = JSON.parse(readFileSync(file, "utf8")) as { readonly bundle: string };
  return bundle === bundleDigest() ? undefined : `the images in ${folder} are of another bundle than ${BUNDLE}`;
};

/** How an image came out. */
export interface BuiltImage {
  readonly name: ImageName;
  /** As manifests name it. */
  readonly reference: string;
  /** Path of its OCI archive. */
  readonly archive: string;
  /** Of its manifest: what `NAME@sha256:...` names. */
  readonly digest: string;
  /** Of its files, bytes. */
  readonly size: number;
  /** Of its layers, as a registry has them. Bytes. */
  readonly compressedSize: number;
}

/** `podconfigmap-controller:0.1.0`. */
export const referenceOf = (name: ImageName): string => `${IMAGES[name]}:${VERSION}`;

export interface BuildOptions {
  readonly machine: Machine;
  readonly metadata: Metadata;
  /** Gets the archives, in the place of those that are there. */
  readonly outdir: string;
}

/**
 * Builds both images from what a machine has, with the steps of `Dockerfile` on a base made from scratch. Nothing is
 * downloaded. The same sources, packages and buildah give the same digests, wherever the checkout is. It needs root.
 *
 * @throws with what buildah said
 */
export const buildImages = async ({ machine, metadata, outdir }: BuildOptions): Promise<BuiltImage[]> => {
  mkdirSync(outdir, { recursive: true });
  // Beside the archives: they are renamed when they are whole.
  const folder = mkdtempSync(join(outdir, ".build-"));
  try {
    const build: Build = { machine, metadata, folder, buildah: new Buildah(folder) };
    using _buildah = build.buildah;
    const base = writeBase(join(folder, "base"), machine);
    const bundle = bundleDigest();
    const staged = join(folder, STAGE, machine.architecture);
    stage(staged, { machine, metadata, base });
    await buildBase(build);
    const built: BuiltImage[] = [];
    // The agent's is what the manager's is, and more.
    let size = sizeBelow(join(folder, "base"));
    for (const name of ["manager", "agent"] as const) {
      const archive = await buildImage(build, name);
      const target = join(outdir, `${name}.tar`);
      size += sizeBelow(join(staged, name));
      built.push({ name, reference: referenceOf(name), archive: target, size, ...inspect(archive) });
      copyFileSync(join(staged, name, SBOM), join(outdir, `${name}.cdx.json`));
      renameSync(archive, target);
    }
    writeFileSync(join(outdir, INPUTS), `${JSON.stringify({ bundle })}\n`);
    return built;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

interface Build {
  readonly machine: Machine;
  readonly metadata: Metadata;
  readonly folder: string;
  readonly buildah: Buildah;
}

/** What makes an image of what `writeBase` writes, with what distroless images say of themselves. */
export const BASE_STEPS = `FROM scratch
COPY --chown=0:0 . /
ENV PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
WORKDIR /home/nonroot
ENTRYPOINT ["${NODE}"]
`;

/** What every build says: whose processor, and that all times are one. */
const common = ({ machine, metadata }: Build): readonly string[] => [
  ...[
    "--quiet",
    "--identity-label=false",
    "--platform",
    `linux/${machine.architecture}`,
    "--timestamp",
    String(metadata.epoch),
  ],
];

const buildBase = async (build: Build): Promise<void> => {
  const file = join(build.folder, "Containerfile.base");
  writeFileSync(file, BASE_STEPS);
  await build.buildah.run(["bud", ...common(build), "--tag", BASE, "--file", file, join(build.folder, "base")]);
};

const buildImage = async (build: Build, name: ImageName): Promise<string> => {
  const { folder, machine, buildah } = build;
  const local = `localhost/${referenceOf(name)}`;
  const target = ["--pull=never", "--target", name, "--tag", local, "--file", join(repository, "Dockerfile"), folder];
  const values = Object.entries({ BASE, TARGETARCH: machine.architecture, ...buildArguments(build.metadata) });
  const flags = values.flatMap(([variable, value]) => ["--build-arg", `${variable}=${value}`]);
  await buildah.run(["bud", ...common(build), ...flags, ...target]);
  const archive = join(folder, `${name}.tar`);
  // It compresses whatever it is told, each time to the same bytes.
  await buildah.run(["push", "--quiet", local, `oci-archive:${archive}:${DEFAULT_REGISTRY}/${referenceOf(name)}`]);
  return archive;
};

/** What `Dockerfile` wants to know beside its base. */
export const buildArguments = (metadata: Metadata): Readonly<Record<string, string>> => ({
  VERSION,
  REVISION: metadata.revision,
  CREATED: timeOf(metadata),
  SOURCE: HOME,
});

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

/** https://github.com/opencontainers/image-spec/blob/main/image-layout.md */
const inspect = (archive: string): { digest: string; compressedSize: number } => {
  const read = (path: string) => JSON.parse(execFileSync("tar", ["-xOf", archive, path], { encoding: "utf8" }));
  const { manifests }: { readonly manifests: readonly Descriptor[] } = read("index.json");
  const [{ digest } = { digest: "" }] = manifests;
  const { layers }: { readonly layers: readonly Descriptor[] } = read(`blobs/${digest.replace(":", "/")}`);
  return { digest, compressedSize: layers.reduce((sum, { size }) => sum + size, 0) };
};
