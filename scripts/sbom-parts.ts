import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DebianPackage } from "./image-debian.ts";
import type { ImageFile } from "./image-machine.ts";
import { LICENSE } from "./project.ts";
import type { Component, Part } from "./sbom-cyclonedx.ts";
import { goBuildOf } from "./sbom-go.ts";

const repository = fileURLToPath(new URL("..", import.meta.url));

/** Of the modules in the template engine. Go modules say their licence in a text of their own only. */
export const GO_LICENSES: Readonly<Record<string, string>> = {
  "dario.cat/mergo": "BSD-3-Clause",
  "github.com/Masterminds/goutils": "Apache-2.0",
  "github.com/Masterminds/semver/v3": "MIT",
  "github.com/Masterminds/sprig/v3": "MIT",
  "github.com/google/uuid": "BSD-3-Clause",
  "github.com/huandu/xstrings": "MIT",
  "github.com/mitchellh/copystructure": "MIT",
  "github.com/mitchellh/reflectwalk": "MIT",
  "github.com/shopspring/decimal": "MIT",
  "github.com/spf13/cast": "MIT",
  "go.yaml.in/yaml/v2": "Apache-2.0 AND MIT",
  "golang.org/x/crypto": "BSD-3-Clause",
  "sigs.k8s.io/yaml": "MIT AND BSD-3-Clause AND Apache-2.0",
};

export const part = (component: Component, dependsOn: readonly Part[] = []): Part => ({ component, dependsOn });

export const license = (expression: string | undefined): Pick<Component, "licenses"> =>
  expression === undefined ? {} : { licenses: [{ expression }] };

const hashOf = (file: string): Pick<Component, "hashes"> => ({
  hashes: [{ alg: "SHA-256", content: createHash("sha256").update(readFileSync(file)).digest("hex") }],
});

/** An npm package whose code is in the bundle, by its folder below the checkout. */
export const npmPart = (folder: string): Part => {
  const manifest = JSON.parse(readFileSync(join(repository, folder, "package.json"), "utf8"));
  const { name, version, license: expression } = manifest as Readonly<Record<string, string>>;
  // A scope's @ is not a version's.
  const purl = `pkg:npm/${name?.replace(/^@/, "%40")}@${version}`;
  return part({
    type: "library",
    "bom-ref": purl,
    name: name ?? "",
    version: version ?? "",
    purl,
    ...license(expression),
  });
};

/**
 * The template engine with the Go modules in it. Their purls keep upper case letters, which the module's path has and
 * advisories name it by.
 *
 * @throws for a module whose licence is not known here
 */
export const templateEngine = (file: string): Part => {
  const { modules, go } = goBuildOf(readFileSync(file));
  const libraries = modules.map(({ path, version }) => {
    const expression = GO_LICENSES[path];
    if (expression === undefined)
      throw new Error(`${path} is in ${basename(file)}: add its licence to ${import.meta.filename}`);
    const purl = `pkg:golang/${path}@${version}`;
    return part({ type: "library", "bom-ref": purl, name: path, version, purl, ...license(expression) });
  });
  const purl = `pkg:golang/stdlib@${go}`;
  const standard = part({
    type: "library",
    "bom-ref": purl,
    name: "stdlib",
    version: go,
    purl,
    ...license("BSD-3-Clause"),
  });
  const engine = { path: `/pcmc/dist/${basename(file)}`, source: file };
  return filePart(engine, { expression: LICENSE, dependsOn: [standard, ...libraries] });
};

/** What is known of a file of ours. */
interface FileFacts {
  readonly expression: string;
  /** Paths in the image of the texts of its licences. */
  readonly texts?: readonly string[];
  readonly dependsOn?: readonly Part[];
}

/** A file of ours. */
export const filePart = ({ path, source }: ImageFile, { expression, texts = [], dependsOn = [] }: FileFacts): Part => {
  const references = texts.map((text) => ({ type: "license", url: `file://${text}` }) as const);
  const component = { type: "file", "bom-ref": `file:${path}`, name: path, ...hashOf(source) } as const;
  const found = references.length === 0 ? {} : { externalReferences: references };
  return part({ ...component, ...license(expression), ...found }, dependsOn);
};

/** Node.js, by its executable. It brings OpenSSL, V8 and what else is linked into it. */
export const nodePart = (executable: string, version: string, dependsOn: readonly Part[]): Part => {
  const purl = `pkg:generic/node@${version}`;
  const cpe = `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`;
  return part(
    { type: "platform", "bom-ref": purl, name: "node", version, ...hashOf(executable), ...license("MIT"), cpe, purl },
    dependsOn,
  );
};

export const debianPart = (one: DebianPackage): Part => {
  const release = distribution();
  const version = encodeURIComponent(one.version);
  const qualifiers = [`arch=${one.architecture}`, ...(release ? [`distro=${release}`] : []), `upstream=${one.source}`];
  const purl = `pkg:deb/${release?.split("-")[0] ?? "debian"}/${encodeURIComponent(one.name)}@${version}?${qualifiers.join("&")}`;
  return part({
    ...{ type: "library", "bom-ref": purl, name: one.name, version: one.version, ...license(one.license), purl },
  });
};

/** Where there is no dpkg, libraries are files that nothing more is known of. */
export const libraryParts = (packages: readonly DebianPackage[], files: readonly ImageFile[]): Part[] => {
  if (packages.length > 0) return packages.map(debianPart);
  return files.map(({ path, source }) =>
    part({ type: "file", "bom-ref": `file:${path}`, name: path, ...hashOf(source) }),
  );
};

/** `debian-12`; undefined where the machine does not say. */
const distribution = (): string | undefined => {
  const file = "/etc/os-release";
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, "utf8");
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(text)?.[1];
  const [id, version] = [field("ID"), field("VERSION_ID")];
  return id && version ? `${id}-${version}` : undefined;
};
