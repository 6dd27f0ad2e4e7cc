import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { AGENT, MANAGER } from "./images.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** A container of a manifest, as far as tests change it. */
export interface Container {
  image?: string;
  imagePullPolicy?: string;
  command?: string[];
  args?: string[];
  env?: { readonly name: string; readonly value?: string }[];
  ports?: { readonly name: string; readonly containerPort: number }[];
  securityContext?: object;
  volumeMounts?: { readonly name: string; readonly mountPath: string }[];
}

/** An object of a manifest; its Pod template where it has one. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: { readonly template?: { readonly spec: PodTemplateSpec } };
}

export interface PodTemplateSpec {
  containers: Container[];
  volumes?: object[];
  nodeSelector?: object;
}

/** The objects of a file of this checkout, such as `manifests/rbac.yaml`. */
export const manifestsOf = (file: string): Manifest[] =>
  parseAllDocuments(readFileSync(join(repository, file), "utf8"))
    .map((document) => document.toJS() as Manifest | null)
    .filter((object) => object !== null);

/** The objects of all files of a folder of this checkout. */
export const manifestsIn = (folder: string): Manifest[] =>
  readdirSync(join(repository, folder)).flatMap((file) => manifestsOf(join(folder, file)));

/** The containers of an object's Pod template; none where it has no template. */
export const containersOf = ({ spec }: Manifest): Container[] => spec?.template?.spec.containers ?? [];

/** Uses the images that the node has: that of the agent for what calls into the kernel. */
export const withLocalImage = (object: Manifest): Manifest => {
  for (const container of containersOf(object)) {
    const words = container.args ?? [];
    const callsKernel = words[0] === "agent" || words.includes("--role") || words.includes("--role=all");
    container.image = callsKernel ? AGENT : MANAGER;
    container.imagePullPolicy = "Never";
  }
  return object;
};
