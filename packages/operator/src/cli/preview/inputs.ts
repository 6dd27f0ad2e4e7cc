import { metadataFaults } from "../../admission/metadata.ts";
import { fieldOf, isObject } from "../../api/conform.ts";
import { validatePodConfigMapConfig } from "../../api/validate.ts";
import { type ParsedConfig, parsePodConfigMapConfig } from "../../podconfigmap/config.ts";
import { type Manifest, placeText } from "../input/manifest.ts";
import { isMeantForUs, metadataOf, nameOf, type ObjectFault, passedOver, text } from "../input/object.ts";
import { readYaml } from "../input/read-yaml.ts";
import type { SourceFile } from "../input/sources.ts";
import { InputError } from "../io.ts";
import { isPod, isWorkload, type NamedPod, podFaults, podOf, podOfWorkload } from "./pods.ts";

/** A PodConfigMapConfig to preview, and where it stands. */
export interface PreviewConfig {
  readonly parsed: ParsedConfig;
  readonly manifest: Manifest;
}

/** What the files hold. */
export interface Inputs {
  readonly configs: readonly PreviewConfig[];
  readonly pods: readonly NamedPod[];
  /** What was passed over. */
  readonly notes: readonly string[];
}

export interface InputFiles {
  /** Of `-f`. */
  readonly files: readonly SourceFile[];
  /** Of `--pod`; `undefined`: the Pods of `files` are taken. */
  readonly podFiles: readonly SourceFile[] | undefined;
  /** Of objects that name none; an object that names another is refused, as by kubectl. */
  readonly namespace: string | undefined;
}

/** Sorts out what the files hold. @throws InputError with a line for each thing that cannot be used. */
export const readInputs = ({ files, podFiles, namespace }: InputFiles): Inputs => {
  const faults: string[] = [];
  const given = manifestsOf(files, faults);
  const configs = given.filter(isMeantForUs);
  const pods = podFiles === undefined ? given.filter(isPod) : podsOf(manifestsOf(podFiles, faults));
  faults.push(...configs.flatMap((config) => linesOf(config, configFaults(config, namespace))));
  faults.push(...pods.flatMap((pod) => linesOf(pod, [...podFaults(pod), ...namespaceFaults(pod, namespace)])));
  faults.push(...repeated(configs), ...repeated(pods));
  if (faults.length === 0 && configs.length === 0) faults.push(`no PodConfigMapConfig in ${namesOf(files)}`);
  if (faults.length === 0 && podFiles !== undefined && pods.length === 0) {
    faults.push(`no Pod, and nothing that makes Pods, in ${namesOf(podFiles)}`);
  }
  if (faults.length > 0) throw new InputError(faults);
  const podNames = new Set(podFiles?.map(({ file }) => file));
  const others = given.filter((one) => !isMeantForUs(one) && !isPod(one) && !podNames.has(one.file));
  return {
    configs: configs.map((manifest) => ({ manifest, parsed: parsePodConfigMapConfig(manifest.value) })),
    pods: pods.map((manifest) => podOf(manifest, namespace ?? "default")),
    notes: others.map((other) => `${passedOver(other)}${isWorkload(other) ? "; for a Pod of it, give --pod" : ""}`),
  };
};

const namesOf = (files: readonly SourceFile[]): string => files.map(({ file }) => file).join(", ");

const at = (manifest: Manifest): string => placeText(manifest.place([]));

const manifestsOf = (files: readonly SourceFile[], faults: string[]): Manifest[] =>
  files.flatMap(({ file, text: content }) => {
    const { manifests, syntax, duplicates } = readYaml(file, content);
    faults.push(...syntax.map(({ place, message }) => `${placeText(place)}: ${message}`));
    faults.push(...duplicates.map(({ place, field, message }) => `${placeText(place)}: ${field}: ${message}`));
    return manifests;
  });

/** Pods, and of what makes Pods, one. */
const podsOf = (manifests: readonly Manifest[]): Manifest[] =>
  manifests.flatMap((manifest) => {
    if (isPod(manifest)) return [manifest];
    return isWorkload(manifest) ? [podOfWorkload(manifest)] : [];
  });

const linesOf = (manifest: Manifest, faults: readonly ObjectFault[]): string[] =>
  faults.map(({ path, message }) => `${placeText(manifest.place(path))}: ${fieldOf(path)}: ${message}`);

/** What the API server would refuse; templates are judged when they are rendered. */
const configFaults = (manifest: Manifest, namespace: string | undefined): readonly ObjectFault[] => [
  ...validatePodConfigMapConfig(manifest.value),
  ...metadataFaults(isObject(manifest.value) ? manifest.value.metadata : undefined),
  ...namespaceFaults(manifest, namespace),
];

const namespaceFaults = (manifest: Manifest, namespace: string | undefined): readonly ObjectFault[] => {
  const own = text(metadataOf(manifest).namespace);
  if (own === "" || namespace === undefined || own === namespace) return [];
  return [{ path: ["metadata", "namespace"], message: `is ${own}, and -n is ${namespace}: leave one of them out` }];
};

/** Objects of one kind whose name was given before in the same namespace. */
const repeated = (manifests: readonly Manifest[]): string[] => {
  const seen = new Map<string, Manifest>();
  return manifests.flatMap((manifest) => {
    const { name, namespace } = metadataOf(manifest);
    if (typeof name !== "string") return [];
    const key = `${text(namespace)}/${name}`;
    const first = seen.get(key);
    seen.set(key, first ?? manifest);
    return first === undefined
      ? []
      : [`${at(manifest)}: ${nameOf(manifest)} was given before, at ${at(first)}: leave one of them out`];
  });
};
