import { join } from "node:path";
import type { BundleContents } from "./bundle.ts";
import type { BaseContents } from "./image-base.ts";
import { KERNEL_LICENSE, kernelLicenses } from "./image-licenses.ts";
import { type Architecture, type Machine, NAMES } from "./image-machine.ts";
import { type Metadata, timeOf } from "./image-metadata.ts";
import { IMAGES, type ImageName, LICENSE, VERSION } from "./project.ts";
import { bomOf, type Part } from "./sbom-cyclonedx.ts";
import { filePart, libraryParts, license, nodePart, npmPart, part, templateEngine } from "./sbom-parts.ts";

/** Of what is ours in an image; the labels in `Dockerfile` say the same. */
const LICENSE_OF = { manager: LICENSE, agent: `${LICENSE} AND (${KERNEL_LICENSE})` } as const satisfies Record<
  ImageName,
  string
>;

/** What the images of one architecture are made of. */
export interface SbomOptions {
  readonly machine: Machine;
  readonly metadata: Metadata;
  /** What the base has, or what it is called where that is all that is known. */
  readonly base: BaseContents | string;
  /** The agent's libraries. */
  readonly libraries: BaseContents;
  readonly bundle: BundleContents;
  /** Where the bundle is. */
  readonly folder: string;
}

/** What is in each image, as the text of a file in CycloneDX's JSON. The same parts give the same text. */
export const sbomsOf = (options: SbomOptions): Readonly<Record<ImageName, string>> => {
  const { machine, metadata, bundle, libraries, folder } = options;
  const base = baseParts(options);
  const engine = templateEngine(join(folder, "dist/gotemplate.wasm"));
  const parts = [...bundle.packages.map(npmPart), engine];
  const kernelParts = [
    ...bundle.agent.packages.map(npmPart),
    ...kernelPrograms(machine.architecture, folder),
    ...libraryParts(libraries.packages, libraries.files),
  ];
  const text = (name: ImageName, ofImage: readonly Part[]): string => {
    const root = imagePart(name, [...base, application(ofImage)], machine.architecture);
    return `${JSON.stringify(bomOf(root, timeOf(metadata)), undefined, 1)}\n`;
  };
  return { manager: text("manager", parts), agent: text("agent", [...parts, ...kernelParts]) };
};

const baseParts = ({ base, machine }: SbomOptions): Part[] => {
  if (typeof base !== "string") {
    const libraries = libraryParts(base.packages, base.files);
    return [nodePart(machine.node, process.versions.node, libraries)];
  }
  const description = "The base image, with Node.js. What is in it, its own list says.";
  return [part({ type: "container", "bom-ref": `base:${base}`, name: base, description })];
};

const application = (dependsOn: readonly Part[]): Part => {
  const ref = `${IMAGES.manager}@${VERSION}`;
  const component = { type: "application", "bom-ref": ref, name: IMAGES.manager, version: VERSION } as const;
  return part({ ...component, ...license(LICENSE) }, dependsOn);
};

const imagePart = (name: ImageName, dependsOn: readonly Part[], architecture: Architecture): Part => {
  const purl = `pkg:oci/${IMAGES[name]}?arch=${architecture}&tag=${VERSION}`;
  const component = { type: "container", "bom-ref": purl, name: IMAGES[name], version: VERSION, purl } as const;
  return part({ ...component, ...license(LICENSE_OF[name]) }, dependsOn);
};

const kernelPrograms = (architecture: Architecture, folder: string): Part[] => {
  const facts = { expression: KERNEL_LICENSE, texts: kernelLicenses().map(({ path }) => path) };
  return ["firewall", "syscalls"].map((name) => {
    const path = `dist/bpf/${NAMES[architecture].bpf}/${name}.bpf.o`;
    return filePart({ path: `/pcmc/${path}`, source: join(folder, path) }, facts);
  });
};
