/*
 * Builds the images. docs/how-to/build-images.md says how they are used.
 *
 *   node scripts/image.ts build [--platform linux/arm64] [--check]    from what the machine has, with buildah: dist/images
 *   node scripts/image.ts docker-build NAME:TAG [--builder docker] [--base IMAGE] [--platform linux/amd64,linux/arm64]
 *   node scripts/image.ts docker-push NAME:TAG [--builder docker]
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ARCHIVES, type BuiltImage, buildImages } from "./image-build.ts";
import { differences } from "./image-check.ts";
import { BUILDERS, type Builder, dockerBuild, dockerPush } from "./image-docker.ts";
import { machineFor } from "./image-foreign.ts";
import { ARCHITECTURES, type Architecture, ownMachine } from "./image-machine.ts";
import { metadataOf } from "./image-metadata.ts";
import { IMAGES, VERSION } from "./project.ts";

/** What the manager's image may have at the most, in bytes before compression: nodes pull it, and keep it. */
const LARGEST_MANAGER = 160_000_000;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    platform: { type: "string" },
    check: { type: "boolean", default: false },
    builder: { type: "string", default: "docker" },
    base: { type: "string" },
  },
});

const architectures = (): Architecture[] =>
  (values.platform ?? `linux/${ownMachine().architecture}`).split(",").map((platform) => {
    const found = ARCHITECTURES.find((name) => `linux/${name}` === platform);
    if (found) return found;
    throw new Error(`the platform is ${ARCHITECTURES.map((name) => `linux/${name}`).join(" or ")}, not ${platform}`);
  });

const builder = (): Builder => {
  const found = BUILDERS.find((name) => name === values.builder);
  if (found) return found;
  throw new Error(`the builder is ${BUILDERS.join(", ")}, not ${values.builder}`);
};

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

const line = ({ reference, size, compressedSize, digest, archive }: BuiltImage): string =>
  `${reference}: ${megabytes(size)}, ${megabytes(compressedSize)} to pull, ${digest}, ${archive}`;

const build = async (): Promise<void> => {
  const metadata = metadataOf(process.env);
  for (const architecture of architectures()) {
    const machine = machineFor(architecture);
    // Those of this machine are what tests and benchmarks run.
    const outdir = architecture === ownMachine().architecture ? ARCHIVES : join(ARCHIVES, architecture);
    const images = await buildImages({ machine, metadata, outdir });
    for (const image of images) console.log(line(image));
    const tooLarge = images.find(({ name, size }) => name === "manager" && size > LARGEST_MANAGER);
    if (tooLarge) throw new Error(`${tooLarge.reference} is larger than ${megabytes(LARGEST_MANAGER)}`);
    if (values.check) {
      const found = differences(images, { architecture, metadata });
      if (found.length > 0) throw new Error(found.join("\n"));
      console.log("built again from a copy of the checkout elsewhere: the same digests");
    }
  }
};

const image = (): string => {
  const [, name] = positionals;
  if (name) return name;
  throw new Error(`which image? IMG=registry.example.com/${IMAGES.manager}:${VERSION}`);
};

const commands: Readonly<Record<string, () => Promise<void> | void>> = {
  build,
  "docker-build": () =>
    dockerBuild({
      builder: builder(),
      image: image(),
      base: values.base,
      architectures: architectures(),
      metadata: metadataOf(process.env),
    }),
  "docker-push": () => dockerPush({ builder: builder(), image: image() }),
};

try {
  const [name = "build"] = positionals;
  const command = commands[name];
  if (!command) throw new Error(`one of ${Object.keys(commands).join(", ")}, not ${name}`);
  await command();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
