/*
 * What of CycloneDX 1.6 the lists of the images use: https://cyclonedx.org/docs/1.6/json/. Every property is one of the
 * specification's.
 */
import { createHash } from "node:crypto";

export interface License {
  readonly expression: string;
}

/** A part of an image. */
export interface Component {
  readonly type: "application" | "container" | "file" | "library" | "platform";
  /** Names it in `dependencies`. Its purl where it has one. */
  readonly "bom-ref": string;
  readonly name: string;
  readonly version?: string;
  readonly description?: string;
  readonly hashes?: readonly { readonly alg: "SHA-256"; readonly content: string }[];
  readonly licenses?: readonly License[];
  /** Where their texts are. An expression has no place for them. */
  readonly externalReferences?: readonly { readonly type: "license"; readonly url: string }[];
  readonly cpe?: string;
  readonly purl?: string;
}

/** A component, and what it is made of or linked to. */
export interface Part {
  readonly component: Component;
  readonly dependsOn: readonly Part[];
}

/** A whole list. */
export interface Bom {
  readonly $schema: string;
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly serialNumber: string;
  readonly version: number;
  readonly metadata: {
    readonly timestamp: string;
    readonly lifecycles: readonly { readonly phase: "build" }[];
    readonly component: Component;
  };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/**
 * The list of all that `root` depends on. The same parts and time give the same text: components are sorted, and the serial
 * number is made of them.
 *
 * @param timestamp - RFC 3339
 */
export const bomOf = (root: Part, timestamp: string): Bom => {
  const parts = new Map<string, Part>();
  const visit = (part: Part): void => {
    if (parts.has(refOf(part))) return;
    parts.set(refOf(part), part);
    part.dependsOn.forEach(visit);
  };
  visit(root);
  const sorted = [...parts.values()].sort((a, b) => (refOf(a) < refOf(b) ? -1 : 1));
  const components = sorted.filter((part) => part !== root).map(({ component }) => component);
  const dependencies = sorted.map((part) => ({ ref: refOf(part), dependsOn: part.dependsOn.map(refOf).sort() }));
  const contents = { component: root.component, components, dependencies };
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(contents))}`,
    version: 1,
    metadata: { timestamp, lifecycles: [{ phase: "build" }], component: root.component },
    components,
    dependencies,
  };
};

const refOf = ({ component }: Part): string => component["bom-ref"];

/** Version 8 of RFC 9562: bits of one's own choice, here of a hash. */
const uuidOf = (text: string): string => {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
};
