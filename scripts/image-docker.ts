import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildArguments } from "./image-build.ts";
import { machineFor } from "./image-foreign.ts";
import type { Architecture } from "./image-machine.ts";
import type { Metadata } from "./image-metadata.ts";
import { STAGE, stage } from "./image-stage.ts";
import { IMAGES, type ImageName } from "./project.ts";

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
export const dockerBuild = ({ builder, image, metadata, architectures, base }: DockerBuildOptions): void => {
  const references = { manager: image, agent: agentOf(image) };
  for (const architecture of architectures) {
    const folder = join(repository, STAGE, architecture);
    rmSync(folder, { recursive: true, force: true });
    stage(folder, { machine: machineFor(architecture), metadata, base: base ?? defaultBase() });
  }
  const values = { ...buildArguments(metadata), ...(base === undefined ? {} : { BASE: base }) };
  const flags = Object.entries(values).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
  const platform = ["--platform", architectures.map((one) => `linux/${one}`).join(",")];
  const build = builder === "buildah" ? ["bud"] : ["build"];
  for (const name of ["manager", "agent"] as const satisfies readonly ImageName[]) {
    const args = [...build, ...platform, ...flags, "--target", name, "--tag", references[name], repository];
    execFileSync(builder, args, { stdio: "inherit" });
  }
};

/** The base image that `Dockerfile` names. */
export const defaultBase = (): string => {
  const [, base] = /^ARG BASE=(\S+)$/m.exec(readFileSync(join(repository, "Dockerfile"), "utf8")) ?? [];
  if (base === undefined) throw new Error("Dockerfile names no base image");
  return base;
};

/** Pushes both images to the registry of their name. @throws when that fails. */
export const dockerPush = ({ builder, image }: DockerOptions): void => {
  for (const reference of [image, agentOf(image)]) execFileSync(builder, ["push", reference], { stdio: "inherit" });
};
