import manifest from "../../package.json" with { type: "json" };

/** The version of the operator, as in its package.json. */
export const version: string = manifest.version;

/** What `pcmc version` prints: `pcmc 0.1.0 (node 24.21.0, linux/x64)`. */
export const versionLine = (): string =>
  `pcmc ${version} (node ${process.versions.node}, ${process.platform}/${process.arch})`;
