/**
 * `make docker-build` and `make docker-push`, as somebody with buildah and a registry types them: the registry is one of this
 * test's, and the base image is made here, as `make image` makes its own. What comes out is compared with the images of
 * `make image`, as it is when it has been pulled from the registry again.
 *
 * Invariants:
 * - `Dockerfile` runs to its end for both targets, on a base that it finds by `BASE`;
 * - both images say of themselves what those of `make image` say, but for what the base is called;
 * - each file in them is the same, but for the list of what is in them, which has the base as one entry;
 * - each text that a copyright file in them points to is there, and so are those of the licences in their label;
 * - both run where Pod Security enforces `restricted`.
 */
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RealCluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NODE, writeBase } from "../scripts/image-base.ts";
import { ARCHIVES, BASE_STEPS, whyNotUpToDate } from "../scripts/image-build.ts";
import { agentOf } from "../scripts/image-docker.ts";
import { commonLicensesIn } from "../scripts/image-licenses.ts";
import { ownMachine } from "../scripts/image-machine.ts";
import { SBOM } from "../scripts/image-stage.ts";
import { IMAGES, type ImageName, LICENSE } from "../scripts/project.ts";
import { type Run, withBuildah } from "./support/builder.ts";
import { kubectl } from "./support/kubectl.ts";
import { treeOf, type UnpackedImage, unpackArchive } from "./support/oci-archive.ts";
import { runOnce } from "./support/once.ts";
import { findRegistry, type Registry, startRegistry } from "./support/registry.ts";

const NAMES = ["manager", "agent"] as const satisfies readonly ImageName[];
const BASE = "localhost/base-of-this-test:1";
const BASE_LABEL = "org.opencontainers.image.base.name";

/** The tag that the images have on the node, where those of `make image` may be too. */
const PULLED = "pulled";

const found = ((): { readonly program: string } | { readonly reason: string } => {
  try {
    return { program: findRegistry() };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
})();
const skipped = "reason" in found ? ` (skipped: ${found.reason.split("\n")[0]})` : "";

interface Listed {
  readonly components: readonly { readonly name: string; readonly "bom-ref": string }[];
}

describe.skipIf(skipped)(`images by docker-build, pulled from where docker-push put them${skipped}`, () => {
  let folder: string;
  let registry: Registry;
  let reference: Readonly<Record<ImageName, string>>;
  const ofMake: Partial<Record<ImageName, UnpackedImage>> = {};
  const pulled: Partial<Record<ImageName, UnpackedImage>> = {};

  const both = (name: ImageName): { readonly ours: UnpackedImage; readonly theirs: UnpackedImage } => {
    const [ours, theirs] = [ofMake[name], pulled[name]];
    if (ours && theirs) return { ours, theirs };
    throw new Error(`the image of the ${name} is not there`);
  };

  beforeAll(async () => {
    const reason = whyNotUpToDate(ARCHIVES);
    if (reason) throw new Error(`${reason}: make image`);
    folder = mkdtempSync(join(tmpdir(), "pcmc-docker-"));
    for (const name of NAMES)
      ofMake[name] = unpackArchive(join(ARCHIVES, `${name}.tar`), join(folder, `make-image-${name}`));
    registry = await startRegistry("program" in found ? found.program : "", folder);
    const image = `${registry.address}/team/${IMAGES.manager}:1.2.3`;
    reference = { manager: image, agent: agentOf(image) };
    await buildAndPush(ownStorage("builder"), image);
    await pull(ownStorage("another-machine"));
  });

  afterAll(() => {
    registry?.[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const ownStorage = (name: string): Run => {
    const storage = join(folder, name);
    mkdirSync(storage);
    return withBuildah(storage);
  };

  const buildAndPush = async (run: Run, image: string): Promise<void> => {
    const steps = join(folder, "Containerfile.base");
    writeFileSync(steps, BASE_STEPS);
    writeBase(join(folder, "base"), ownMachine());
    await run("buildah", ["bud", "--quiet", "--tag", BASE, "--file", steps, join(folder, "base")]);
    // Of the commit that the images of `make image` are of.
    const labels = ofMake.manager?.config.Labels ?? {};
    const env = {
      REVISION: labels["org.opencontainers.image.revision"] ?? "",
      SOURCE_DATE_EPOCH: String(Date.parse(labels["org.opencontainers.image.created"] ?? "") / 1_000),
    };
    // What they need is there: it is what the images of `make image` are made of.
    await run("make", ["-o", "bundle", "docker-build", "BUILDER=buildah", `BASE=${BASE}`, `IMG=${image}`], env);
    await run("make", ["-o", "install", "docker-push", "BUILDER=buildah", `IMG=${image}`]);
  };

  const archiveOf = (name: ImageName): string => join(folder, `${name}.tar`);

  const pull = async (run: Run): Promise<void> => {
    for (const name of NAMES) {
      await run("buildah", ["pull", "--quiet", reference[name]]);
      const to = `oci-archive:${archiveOf(name)}:docker.io/library/${IMAGES[name]}:${PULLED}`;
      await run("buildah", ["push", "--quiet", reference[name], to]);
      pulled[name] = unpackArchive(archiveOf(name), join(folder, `pulled-${name}`));
    }
  };

  test("the registry has one of each name, the agent's with -agent before the colon", async () => {
    const repositories = NAMES.map((name) => `team/${IMAGES[name]}`);
    expect(await registry.get("_catalog")).toEqual({ repositories });
    for (const name of repositories) expect(await registry.get(`${name}/tags/list`)).toEqual({ name, tags: ["1.2.3"] });
  });

  test.each(NAMES)("that of the %s has the entry point, user, environment and labels of make image's", (name) => {
    const { ours, theirs } = both(name);
    const { Labels: labels, ...config } = ours.config;
    const { Labels: theirLabels, ...theirConfig } = theirs.config;
    expect(theirConfig).toEqual(config);
    expect(theirConfig).toMatchObject({ User: "65532:65532", WorkingDir: "/" });
    expect(theirConfig.Entrypoint?.[0]).toBe(NODE);
    expect(theirLabels).toMatchObject({ ...labels, [BASE_LABEL]: BASE });
    expect([theirs.os, theirs.architecture]).toEqual([ours.os, ours.architecture]);
  });

  test.each(NAMES)("each file in that of the %s is the one of make image's, but for the list of them", (name) => {
    const { ours, theirs } = both(name);
    const [files, theirFiles] = [treeOf(ours.root), treeOf(theirs.root)];
    expect([...theirFiles.keys()]).toEqual([...files.keys()]);
    expect(files.has("/pcmc/src/pcmc.js")).toBe(true);
    const others = [...files].filter(([path, facts]) => theirFiles.get(path) !== facts).map(([path]) => path);
    expect(others).toEqual([SBOM]);
  });

  test.each(NAMES)("the list in that of the %s has what make image's has, with the base as one entry", (name) => {
    const { ours, theirs } = both(name);
    const listOf = ({ root }: UnpackedImage): readonly string[] => {
      const { components }: Listed = JSON.parse(readFileSync(join(root, SBOM), "utf8"));
      return components.map((component) => component["bom-ref"]);
    };
    const list = listOf(theirs);
    expect(list).toContain(`base:${BASE}`);
    expect(listOf(ours)).toEqual(expect.arrayContaining(list.filter((ref) => ref !== `base:${BASE}`)));
    expect(list.some((ref) => ref.startsWith("pkg:npm/"))).toBe(true);
    expect(list.some((ref) => ref.startsWith("pkg:generic/node@"))).toBe(false);
  });

  test.each(NAMES)(
    "that of the %s has each text that a copyright file in it points to, and those of its own licences",
    (name) => {
      const { root, config } = both(name).theirs;
      const files = [...treeOf(root)];
      const copyrights = files.map(([path]) => path).filter((path) => /^\/usr\/share\/doc\/.*\/copyright$/.test(path));
      const texts = copyrights.flatMap((path) => commonLicensesIn(readFileSync(join(root, path), "utf8")));
      expect(texts).toContain("GPL-2");
      const { "org.opencontainers.image.licenses": expression = "" } = config.Labels ?? {};
      const ours = expression.split(/ AND | OR |[()]/).filter((id) => id !== "" && id !== LICENSE);
      expect(ours).toHaveLength(name === "agent" ? 2 : 0);
      const wanted = [
        ...texts.map((text) => `/usr/share/common-licenses/${text}`),
        ...ours.map((id) => `/pcmc/LICENSES/${id}.txt`),
        "/pcmc/LICENSE",
      ];
      for (const path of wanted) expect(lstatSync(join(root, path)).isFile(), path).toBe(true);
    },
  );

  describe("on a node where restricted is enforced", () => {
    let cluster: RealCluster;

    beforeAll(async () => {
      cluster = await startCluster({ node: "real" });
      for (const name of NAMES) await cluster.images.load(archiveOf(name));
      await kubectl(cluster, ["label", "namespace", "default", "pod-security.kubernetes.io/enforce=restricted"]);
    });

    afterAll(async () => {
      await cluster?.stop();
    });

    test.each([
      ["manager", ["manager", "--help"], /^Usage: pcmc manager /],
      ["manager", ["version"], /^pcmc \d+\.\d+\.\d+ \(node 24\./],
      ["agent", ["agent", "--help"], /^Usage: pcmc agent /],
    ] as const)("that of the %s answers %j", async (image, args, answer) => {
      const name = `${image}-${args.join("").replaceAll("-", "")}`;
      expect(await runOnce(cluster, { name, image: `${IMAGES[image]}:${PULLED}`, args })).toMatch(answer);
    });
  });
});
