import { startCluster } from "@pcmc/devcluster";
import { parseAllDocuments } from "yaml";
import type { Page } from "./markdown.ts";

/** What the API server says of the objects that pages show. */
export interface DryRun {
  readonly objects: number;
  /** `FILE:LINE: what`. */
  readonly faults: readonly string[];
}

interface Shown {
  readonly at: string;
  readonly text: string;
}

/** Kinds of others, whose CRDs are not here. */
const FOREIGN =
  /^apiVersion: (?:cert-manager\.io|monitoring\.coreos\.com|argoproj\.io|source\.toolkit|helm\.toolkit|kustomize)/m;

/**
 * Asks an API server with our CRDs about each object that stands whole in a `yaml` block (`apiVersion`, `kind`, a name), without
 * storing it. Parts of objects need only be YAML.
 */
export const faultyYaml = async (pages: readonly Page[]): Promise<DryRun> => {
  const blocks = pages.flatMap(({ path, fences }) =>
    fences.filter(({ info }) => info === "yaml").map(({ text, line }) => ({ at: `${path}:${line}`, text })),
  );
  const broken = blocks.flatMap(({ at, text }) =>
    parseAllDocuments(text).flatMap(({ errors }) => errors.map(({ message }) => `${at}: ${message}`)),
  );
  const objects = blocks.flatMap(wholeObjects);
  if (objects.length === 0) return { objects: 0, faults: broken };
  await using cluster = await startCluster({ controllerManager: false });
  await cluster.kubectl(["apply", "-f", new URL("../../crd/", import.meta.url).pathname]);
  await cluster.kubectl(["wait", "--for=condition=Established", "crd", "--all"]);
  const refused = await Promise.all(
    objects.map(async ({ at, text }) => {
      const namespaced = text.replaceAll(/^ {2}namespace: .*\n/gm, "");
      const { exitCode, stderr } = await cluster.kubectl(["create", "--dry-run=server", "-f", "-"], {
        input: namespaced,
      });
      return exitCode === 0 ? [] : [`${at}: ${stderr.trim()}`];
    }),
  );
  return { objects: objects.length, faults: [...broken, ...refused.flat()] };
};

const wholeObjects = ({ at, text }: Shown): readonly Shown[] =>
  text
    .split(/^---\s*$/m)
    .filter(
      (part) => /^apiVersion:/m.test(part) && /^kind:/m.test(part) && /^ {2}name:/m.test(part) && !FOREIGN.test(part),
    )
    .map((part) => ({ at, text: part }));
