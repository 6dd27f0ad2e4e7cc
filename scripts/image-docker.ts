import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildArguments } from "./image-build.ts";
import { machineFor } from "./image-foreign.ts";
import type { Architecture } from "./image-machine.ts";
import type { Metadata } from "./image-metadata.ts";
import { STAGE, stage } from "./image-stage.ts";
import { IMAGES } from "./project.ts";

const repository = fileURLToPath(new URL("..", import.meta.url));

/** Programs that build from a Dockerfile. */
export const BUILDERS = ["docker", "podman", "buildah"] as const;
export type Builder = (typeof BUILDERS)[number];

/**
 * What the agent's image is called where the manager's is called `image`: `r.example.com/x:1` and `r.example.com/x-agent:1`.
 *
 * @throws for what is no name with a tag
 */
export const agentOf = (image: string): string => {
  const [, name, tag] = /^([^@]+):([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$/.exec(image) ?? [];
  if (name === undefined) throw new Error(`IMG is NAME:TAG, such as ${IMAGES.manager}:0.1.0, not "${image}"`);
  return `${name}-agent:${tag}`;
};

export interface DockerOptions {
  readonly builder: Builder;
  /** Name and tag of the manager's image. */
  readonly image: string;
}

export interface DockerBuildOptions extends DockerOptions {
  readonly metadata: Metadata;
  readonly architectures: readonly Architecture[];
  /** The base image; undefined for the one that `Dockerfile` names. */
  readonly base: string | undefined;
}

/** Builds both images with `Dockerfile`. Nothing is downloaded but the base, by the builder. @throws when a build fails. */
export const dockerBuild = (options: DockerBuildOptions): void => {
  const { builder, image, metadata, architectures, base = defaultBase() } = options;
  for (const architecture of architectures) {
    const folder = join(repository, STAGE, architecture);
    rmSync(folder, { recursive: true, force: true });
    stage(folder, { machine: machineFor(architecture), metadata, base });
  }
  // What is built is added to a list that is there: that of an earlier build would stay in it.
  const before = [image, agentOf(image)].filter((reference) => isManifestList(builder, reference));
  for (const reference of before) execFileSync(builder, ["manifest", "rm", reference], { stdio: "ignore" });
  for (const args of buildCommands(options)) execFileSync(builder, args, { cwd: repository, stdio: "inherit" });
};

/** The builder's arguments, to be run in the checkout: one build for each image. */
export const buildCommands = ({ builder, image, metadata, architectures, base }: DockerBuildOptions): string[][] => {
  const references = { manager: image, agent: agentOf(image) };
  const values = { ...buildArguments(metadata), ...(base === undefined ? {} : { BASE: base }) };
  const flags = Object.entries(values).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
  const platform = ["--platform", architectures.map((one) => `linux/${one}`).join(",")];
  // docker keeps the time of its build, but for what it is told in ways of its own.
  const time = builder === "docker" ? [] : ["--timestamp", String(metadata.epoch)];
  // Of several that get one tag, buildah and podman keep the last.
  const naming = builder === "docker" || architectures.length === 1 ? "--tag" : "--manifest";
  const command = builder === "buildah" ? "bud" : "build";
  // The manager's last: building the agent's, buildah makes that one on the way, the same by its digest, and removes it at the end.
  return (["agent", "manager"] as const).map((name) => [
    command,
    ...platform,
    ...time,
    ...flags,
    "--target",
    name,
    naming,
    references[name],
    ".",
  ]);
};

/** The base image that `Dockerfile` names. */
export const defaultBase = (): string => {
  const [, base] = /^ARG BASE=(\S+)$/m.exec(readFileSync(join(repository, "Dockerfile"), "utf8")) ?? [];
  if (base === undefined) throw new Error("Dockerfile names no base image");
  return base;
};

/** Pushes both images to the registry of their name, for all platforms that they are there for. @throws when that fails. */
export const dockerPush = ({ builder, image }: DockerOptions): void => {
  for (const reference of [image, agentOf(image)])
    execFileSync(builder, pushCommand(builder, reference), { stdio: "inherit" });
};

/** docker pushes all that a name has; the others push all of a list's images only when they are told to. */
const pushCommand = (builder: Builder, reference: string): string[] =>
  isManifestList(builder, reference)
    ? ["manifest", "push", "--all", reference, `docker://${reference}`]
    : ["push", reference];

/** Whether a name stands for a list that buildah or podman keep. */
const isManifestList = (builder: Builder, reference: string): boolean =>
  builder !== "docker" && spawnSync(builder, ["manifest", "exists", reference], { stdio: "ignore" }).status === 0;
