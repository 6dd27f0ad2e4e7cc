import type { Stored } from "@pcmc/controller-runtime";
import type { CustomResourceDefinition } from "kubernetes-types/apiextensions/v1.d.ts";
import type { CustomResource } from "../../api/crd.ts";
import { podConfigMapConfigResource } from "../../api/podconfigmapconfig.ts";
import { watcherResource } from "../../api/watcher.ts";
import type { Group } from "../../controllers/names.ts";
import { builtInSchema, compareSchemas } from "./crd-schema.ts";
import type { Reader } from "./reader.ts";
import { CustomResourceDefinitions } from "./resources.ts";
import { judged, type Seen } from "./seen.ts";
import { failed, named, ok, type Verdict, warning } from "./verdict.ts";

/** One definition of ours, as the cluster has it. */
export interface DefinitionFacts {
  readonly name: string;
  readonly resource: CustomResource;
  /** The controllers that work on it. */
  readonly group: Group;
  /** The file that makes it. */
  readonly file: string;
  readonly stored: Seen<Stored<CustomResourceDefinition> | undefined>;
}

const OURS = [
  { resource: podConfigMapConfigResource, group: "podconfigmap", file: "crd/podconfigmapconfig_crd.yaml" },
  { resource: watcherResource, group: "watcher", file: "crd/watcher_crd.yaml" },
] as const;

export const readDefinitions = (reader: Reader): Promise<readonly DefinitionFacts[]> =>
  Promise.all(
    OURS.map(async (each) => {
      const name = `${each.resource.plural}.${each.resource.group}`;
      return { ...each, name, stored: await reader.get(CustomResourceDefinitions, { namespace: "", name }) };
    }),
  );

const apply = (file: string): string =>
  `kubectl apply --server-side -f ${file} of this release, or upgrade the chart with crds.install=true`;

/** @param groups the controllers that run, where that is known. */
export const judgePresent = (
  { name, group, file, stored }: DefinitionFacts,
  groups: readonly Group[],
): readonly Verdict[] =>
  judged(`CRD ${name}`, stored, (definition) => {
    if (definition !== undefined) return [ok(`CRD ${name} is there`)];
    if (groups.includes(group)) return [failed(`CRD ${name} is missing: its controller is off`, apply(file))];
    return [ok(`CRD ${name} is not there, and no controller that runs needs it`)];
  });

export const judgeEstablished = (facts: DefinitionFacts): readonly Verdict[] =>
  whenThere(facts, ({ status }) => {
    const bad = (["NamesAccepted", "Established"] as const)
      .map((type) => status?.conditions?.find((condition) => condition.type === type) ?? { type, status: "Unknown" })
      .find((condition) => condition.status !== "True");
    if (bad === undefined) return [ok(`CRD ${facts.name} is established`)];
    const why = "message" in bad ? `: ${bad.message}` : "";
    return [
      failed(
        `CRD ${facts.name} is not served: ${bad.type} is ${bad.status}${why}`,
        `see what takes its names with kubectl describe crd ${facts.name}; another CRD may have the same kind or short name`,
      ),
    ];
  });

export const judgeVersions = (facts: DefinitionFacts): readonly Verdict[] =>
  whenThere(facts, ({ spec, status }) => {
    const { version } = facts.resource;
    const found = spec.versions.find(({ name }) => name === version);
    const others = (status?.storedVersions ?? []).filter((one) => one !== version);
    if (!found?.served || !found.storage) {
      const state = found === undefined ? "unknown to it" : found.served ? "not what it stores" : "not served";
      return [failed(`CRD ${facts.name}: version ${version} is ${state}`, apply(facts.file))];
    }
    const strategy = spec.conversion?.strategy ?? "None";
    if (strategy !== "None") {
      return [failed(`CRD ${facts.name} has conversion ${strategy}, which nothing of ours serves`, apply(facts.file))];
    }
    if (others.length > 0) {
      return [
        warning(
          `CRD ${facts.name} may still have objects stored as ${named(others)}`,
          "write each object once (kubectl get -A -o json | kubectl replace -f -), then take the version out of status.storedVersions",
        ),
      ];
    }
    return [ok(`CRD ${facts.name} serves and stores ${version}`)];
  });

export const judgeSchema = (facts: DefinitionFacts): readonly Verdict[] =>
  whenThere(facts, ({ spec }) => {
    const { resource, name, file } = facts;
    const theirs = spec.versions.find((version) => version.name === resource.version)?.schema?.openAPIV3Schema;
    const { lacks, more, rulesDiffer } = compareSchemas(builtInSchema(resource), theirs);
    if (lacks.length > 0) {
      return [failed(`CRD ${name} is of another release: it drops ${named(lacks)} without a word`, apply(file))];
    }
    if (more.length > 0) {
      return [
        warning(
          `CRD ${name} is of a newer release: this pcmc does not know ${named(more)}`,
          "use the pcmc of that release, which is the one of the operator's image",
        ),
      ];
    }
    if (rulesDiffer) {
      return [
        warning(
          `CRD ${name} has the fields of this release, and other defaults, bounds or rules`,
          `${apply(file)}; or use the pcmc of the release that is installed`,
        ),
      ];
    }
    return [ok(`CRD ${name} is that of this release`)];
  });

/** What is missing has been told already; what may not be read too. */
const whenThere = (
  { stored }: DefinitionFacts,
  judge: (definition: Stored<CustomResourceDefinition>) => readonly Verdict[],
): readonly Verdict[] => (stored.kind === "seen" && stored.value !== undefined ? judge(stored.value) : []);
