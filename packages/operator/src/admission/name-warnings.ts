import { MAX_LABEL_VALUE, MAX_NAME } from "../api/syntax.ts";
import { labelValueOf, readableName } from "../podconfigmap/names.ts";
import { type Finding, warning } from "./finding.ts";

/** Names that controllers make up for Pods are no longer than this. Source: Kubernetes' `SimpleNameGenerator`. */
const ORDINARY_POD_NAME = 63;

const PATH = ["metadata", "name"];

/** Warnings for a PodConfigMapConfig's name that does not fit into what is made of it. */
export const nameWarnings = (name: string): readonly Finding[] => {
  const longestPod = MAX_NAME - readableName({ pod: "", pcmc: name }).length;
  const label = `more than ${MAX_LABEL_VALUE} characters: the label generated-by-pcmc of its ConfigMaps holds ${labelValueOf(name)} instead`;
  const names = `so long that the ConfigMaps of Pods with more than ${Math.max(longestPod, 0)} characters have a hash in their names`;
  return [
    ...(labelValueOf(name) === name ? [] : [warning(PATH, `${label}; a shorter name stays readable`)]),
    ...(longestPod >= ORDINARY_POD_NAME ? [] : [warning(PATH, `${names}; a shorter name keeps them readable`)]),
  ];
};
