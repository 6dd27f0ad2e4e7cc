import manifest from "../packages/operator/package.json" with { type: "json" };

/** Where the project lives: what cannot be a relative link starts with it. */
export const HOME = "https://github.com/podconfigmap-controller/podconfigmap-controller";

/** What is shipped: the version of images, chart and program. */
export const { version: VERSION, license: LICENSE } = manifest;

/** Names of the images, without registry and tag. The agent's has what calls into the kernel, which the manager's has not. */
export const IMAGES = { manager: "podconfigmap-controller", agent: "podconfigmap-controller-agent" } as const;
export type ImageName = keyof typeof IMAGES;
