import type { ObjectMeta } from "kubernetes-types/meta/v1.d.ts";
import { conditionsSchema } from "./conditions.ts";
import type { CustomResource } from "./crd.ts";
import { dataKeys } from "./data-key-rule.ts";
import { annotationDataKey, collisions, labelDataKey } from "./data-keys.ts";
import { ebpfConfigSchema } from "./ebpf-config.ts";
import { labelSelectorSchema } from "./label-selector.ts";
import { integer, listOf, mapOf, nullable, object, optional, type Rule, rules, type Static, string } from "./schema.ts";
import {
  ANNOTATION_KEY_PATTERN,
  codePoints,
  isAnnotationKey,
  isLabelKey,
  LABEL_KEY_PATTERN,
  MAX_DATA_KEY,
  MAX_NAME,
  MAX_QUALIFIED_NAME,
} from "./syntax.ts";
import { totalSize } from "./total-size.ts";

/** One of the two lists of keys to copy, and what its rules need to know. */
interface CopiedKeys {
  readonly noun: "label" | "annotation";
  readonly pattern: string;
  isKey(key: string): boolean;
  dataKey(key: string): string;
}

/** A key with `/` whose data key another one has too. */
const COLLIDES = "key.contains('/') && key.replace('/', '_') in self";

/**
 * Among valid keys only one with `/` and one without can collide: a prefix holds no `_`, so two keys with `/` that become one
 * have the same prefix and the same name. That makes the rule linear in what the API server's cost estimate multiplies.
 */
const noCollision = ({ noun, dataKey }: CopiedKeys): Rule<readonly string[]> => {
  const fault = `would become the same data key, because '/' becomes '_' there: remove one of them`;
  return {
    rule: `!self.exists(key, ${COLLIDES})`,
    message: `two ${noun} keys differ only in '/' and '_' and ${fault}`,
    messageExpression: `'the ${noun} keys ' + self.filter(key, ${COLLIDES})[0] + ' and ' + self.filter(key, ${COLLIDES})[0].replace('/', '_') + ' ${fault.replaceAll("'", "\\'")}'`,
    explain: (keys) => {
      const all = new Set(keys);
      const first = keys.find((key) => key.includes("/") && all.has(key.replace("/", "_"))) ?? "";
      return `the ${noun} keys ${first} and ${first.replace("/", "_")} ${fault}`;
    },
    check: (keys) => collisions(keys, dataKey).size === 0,
  };
};

const copiedKey = ({ noun, pattern, isKey, dataKey }: CopiedKeys): readonly Rule<string>[] => {
  const longest = MAX_DATA_KEY - dataKey("").length;
  return [
    {
      rule: `self.indexOf('/') <= ${MAX_NAME} && self.matches('${pattern}')`,
      message: `is not a key that a Pod's ${noun} can have: use [prefix/]name, such as app or app.kubernetes.io/name`,
      check: isKey,
    },
    {
      rule: `size(self) <= ${longest}`,
      message: `is too long: a key of more than ${longest} characters gives a data key of more than ${MAX_DATA_KEY}; remove it`,
      check: (key) => key.length <= longest,
    },
  ];
};

const copiedKeys = (copied: CopiedKeys, description: string) =>
  optional(
    listOf(string({ maxLength: MAX_QUALIFIED_NAME, ...rules(...copiedKey(copied)) }), {
      description,
      maxItems: 256,
      ...rules(noCollision(copied)),
    }),
  );

/** The characters of all templates of one object. Stored, they have to fit into etcd's 1.5 MiB with all the rest. */
export const MAX_TEMPLATES = 1_048_576;

const templateSize: Rule<Readonly<Record<string, string>>> = {
  rule: `${totalSize("self")} <= ${MAX_TEMPLATES}`,
  message: `the templates hold more than ${MAX_TEMPLATES} characters together: shorten them, or spread them over several PodConfigMapConfigs`,
  check: (templates) => templatesFit(templates),
};

/** Whether the templates are few and short enough to be stored and compiled. */
export const templatesFit = (templates: Readonly<Record<string, string>>): boolean =>
  Object.values(templates).reduce((sum, template) => sum + codePoints(template), 0) <= MAX_TEMPLATES;

const specSchema = object(
  {
    podSelector: optional(
      nullable(labelSelectorSchema("Which Pods of this namespace get a ConfigMap. Absent, null or {}: all of them.")),
    ),
    labelsToInclude: copiedKeys(
      { noun: "label", pattern: LABEL_KEY_PATTERN, isKey: isLabelKey, dataKey: labelDataKey },
      "Keys of Pod labels to copy, each as label_<key> with '/' as '_', where the Pod has the label.",
    ),
    annotationsToInclude: copiedKeys(
      { noun: "annotation", pattern: ANNOTATION_KEY_PATTERN, isKey: isAnnotationKey, dataKey: annotationDataKey },
      "Keys of Pod annotations to copy, each as annotation_<key> with '/' as '_', where the Pod has the annotation.",
    ),
    configMapDataTemplate: optional(
      mapOf(string({ maxLength: MAX_TEMPLATES }), {
        description:
          "Further data: each value is a Go template (text/template with sprig's text functions), rendered for each Pod and " +
          "stored under its key. A key of the same name as a default one, such as podName, wins.",
        maxProperties: 128,
        ...rules<Readonly<Record<string, string>>>(dataKeys, templateSize),
      }),
    ),
    ebpfConfig: optional(ebpfConfigSchema),
  },
  { description: "Which Pods get a ConfigMap, and what it holds." },
);

const count = (description: string) => optional(integer({ description, format: "int64", minimum: 0 }));

const statusSchema = object(
  {
    observedGeneration: optional(
      integer({
        description:
          "The metadata.generation whose processing has finished: the ConfigMap of every matching Pod is written, or has failed " +
          "for a reason that trying again will not mend and is named in the condition Ready.",
        format: "int64",
      }),
    ),
    matched: count("How many Pods podSelector matches."),
    failed: count("How many of these Pods have no up-to-date ConfigMap, for a reason named in the condition Ready."),
    conditions: optional(
      conditionsSchema(
        "Ready says whether every matching Pod has its ConfigMap; further conditions say what is wrong with selector, template, " +
          "names or eBPF.",
      ),
    ),
  },
  { description: "What the controller has made of spec. Written by the controller only." },
);

const ready = (field: string) => `.status.conditions[?(@.type=="Ready")].${field}`;

/** The API: TypeScript type, CRD and checks are read from here. */
export const podConfigMapConfigResource = {
  group: "podconfig.example.com",
  version: "v1alpha1",
  kind: "PodConfigMapConfig",
  plural: "podconfigmapconfigs",
  singular: "podconfigmapconfig",
  shortNames: ["pcmc"],
  categories: ["podconfig"],
  description:
    "A PodConfigMapConfig gives each selected Pod of its namespace a ConfigMap that holds the Pod's name, node, labels, " +
    "annotations and rendered templates, and keeps it up to date for as long as the Pod lives.",
  schema: object({ spec: optional(specSchema), status: optional(statusSchema) }),
  printerColumns: [
    { name: "ObservedGeneration", type: "integer", jsonPath: ".status.observedGeneration" },
    { name: "PodSelectorMatchLabels", type: "string", jsonPath: ".spec.podSelector.matchLabels" },
    { name: "Matched", type: "integer", jsonPath: ".status.matched" },
    { name: "Ready", type: "string", jsonPath: ready("status") },
    { name: "Failed", type: "integer", jsonPath: ".status.failed" },
    { name: "Reason", type: "string", jsonPath: ready("reason") },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
} as const satisfies CustomResource;

export type PodConfigMapConfigSpec = Static<typeof specSchema>;
export type PodConfigMapConfigStatus = Static<typeof statusSchema>;

/** A PodConfigMapConfig as users write it and the API server stores it. */
export interface PodConfigMapConfig {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
  spec?: PodConfigMapConfigSpec;
  status?: PodConfigMapConfigStatus;
}
