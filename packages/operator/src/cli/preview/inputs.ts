import { metadataFaults } from "../../admission/metadata.ts";
import { fieldOf, isObject } from "../../api/conform.ts";
import { conformPodConfigMapConfig, validatePodConfigMapConfig } from "../../api/validate.ts";
import { type ParsedConfig, parsePodConfigMapConfig } from "../../podconfigmap/config.ts";
import { type Manifest, type Path, placeText } from "../input/manifest.ts";
import { isMeantForUs, metadataOf, nameOf, type ObjectFault, passedOver, text, typeOf } from "../input/object.ts";
import { readYaml } from "../input/read-yaml.ts";
import type { SourceFile } from "../input/sources.ts";
import { InputError } from "../io.ts";
import {
  type GivenPod,
  givenPod,
  isPod,
  isWorkload,
  type NamedPod,
  namedPods,
  namingFaults,
  podFaults,
} from "./pods.ts";

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
  const makers = podFiles === undefined ? given.filter(isPod) : makersOf(manifestsOf(podFiles, faults));
  const pods = makers.map(givenPod);
  faults.push(...configs.flatMap((config) => linesOf(config, configFaults(config, namespace))));
  faults.push(...pods.flatMap((pod) => podLines(pod, namespace)));
  faults.push(...repeated(configs, ""), ...repeated(makers, namespace ?? "default"));
  if (faults.length === 0 && configs.length === 0) faults.push(`no PodConfigMapConfig in ${namesOf(files)}`);
  if (faults.length === 0 && podFiles !== undefined && pods.length === 0) {
    faults.push(`no Pod, and nothing that makes Pods, in ${namesOf(podFiles)}`);
  }
  if (faults.length > 0) throw new InputError(faults);
  const podNames = new Set(podFiles?.map(({ file }) => file));
  const others = given.filter((one) => !isMeantForUs(one) && !isPod(one) && !podNames.has(one.file));
  return {
    configs: configs.map((manifest) => ({ manifest, parsed: parsePodConfigMapConfig(storedForm(manifest.value)) })),
    pods: namedPods(pods, namespace ?? "default"),
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

/** Pods, and what makes Pods. */
const makersOf = (manifests: readonly Manifest[]): Manifest[] =>
  manifests.filter((manifest) => isPod(manifest) || isWorkload(manifest));

const podLines = ({ given, pod }: GivenPod, namespace: string | undefined): string[] => {
  const naming = given === pod ? [] : linesOf(given, namingFaults(given));
  // A fault of the name would be told of the Pod once more.
  const own = naming.length > 0 ? naming : linesOf(pod, podFaults(pod));
  return [...own, ...linesOf(given, namespaceFaults(given, namespace))];
};

/** As the API server would store it, for which it has no faults: nulls and defaults are what they mean there. */
const storedForm = (value: unknown): unknown => {
  const { apiVersion, kind, metadata } = isObject(value) ? value : {};
  return { apiVersion, kind, metadata, ...conformPodConfigMapConfig(value).value };
};

const linesOf = (manifest: Manifest, faults: readonly ObjectFault[]): string[] =>
  faults.map(({ path, message }) => [placeText(manifest.place(path)), ...fieldsOf(path), message].join(": "));

/** None of the object as a whole. */
const fieldsOf = (path: Path): string[] => (path.length === 0 ? [] : [fieldOf(path)]);

/** What the API server would refuse; templates are judged when they are rendered. */
const configFaults = (manifest: Manifest, namespace: string | undefined): readonly ObjectFault[] => {
  const { value } = manifest;
  if (!isObject(value)) return [{ path: [], message: "must be an object with apiVersion, kind and metadata" }];
  return [
    ...validatePodConfigMapConfig(value),
    ...metadataFaults(value.metadata),
    ...namespaceFaults(manifest, namespace),
  ];
};

const namespaceFaults = (manifest: Manifest, namespace: string | undefined): readonly ObjectFault[] => {
  const own = text(metadataOf(manifest).namespace);
  if (own === "" || namespace === undefined || own === namespace) return [];
  return [{ path: ["metadata", "namespace"], message: `is ${own}, and -n is ${namespace}: leave one of them out` }];
};

/** Objects of one kind whose name was given before in the same namespace, which is `usual` where they name none. */
const repeated = (manifests: readonly Manifest[], usual: string): string[] => {
  const seen = new Map<string, Manifest>();
  return manifests.flatMap((manifest) => {
    const { name, namespace } = metadataOf(manifest);
    if (text(name) === "") return [];
    const { kind } = typeOf(manifest);
    const key = `${kind} ${text(namespace) || usual}/${name}`;
    const first = seen.get(key);
    seen.set(key, first ?? manifest);
    return first === undefined
      ? []
      : [`${at(manifest)}: ${nameOf(manifest)} was given before, at ${at(first)}: leave one of them out`];
  });
};
