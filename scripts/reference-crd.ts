import type { CustomResource } from "../packages/operator/src/api/crd.ts";
import { POD_API_VERSION } from "../packages/operator/src/api/pod/pod-api.ts";
import type { SchemaNode } from "../packages/operator/src/api/schema.ts";
import { code, prose, table } from "./reference-text.ts";

/** The first release with a field; fields that are not named came with the first of all. */
const SINCE: Readonly<Record<string, Readonly<Record<string, string>>>> = { PodConfigMapConfig: {}, Watcher: {} };
const FIRST_RELEASE = "0.1.0";

/** Fields of Kubernetes' own types: of these the first level is listed, the rest is in `kubectl explain` and Kubernetes' reference. */
const FOREIGN: Readonly<Record<string, string>> = {
  "spec.container": "Container",
  "spec.volume": "Volume",
};

interface Field {
  readonly path: string;
  readonly node: SchemaNode;
  readonly isRequired: boolean;
}

/** The text of a page about one kind: every field with its type, default, rules and meaning. */
export const crdReference = (resource: CustomResource): string => {
  const { group, version, kind, plural, shortNames, categories, description, schema, printerColumns } = resource;
  const facts = [
    ["apiVersion", code(`${group}/${version}`)],
    ["kind", code(kind)],
    ["in kubectl", [plural, ...shortNames, ...categories].map(code).join(", ")],
    ["scope", "a namespace; `status` is a subresource"],
    ["columns of `kubectl get`", printerColumns.map(({ name }) => code(name)).join(", ")],
  ];
  return [
    `# ${kind}\n\nGenerated from \`packages/operator/src/api\`, like the CRD. \`kubectl explain ${kind.toLowerCase()}.spec\` shows the same.\nAmong the rules, what stands in quotation marks is what the API server says where that rule is broken.\n`,
    `${prose(description)}\n`,
    `${table(["", ""], facts)}\n`,
    sectionOf(resource, "spec", schema),
    sectionOf(resource, "status", schema),
  ].join("\n");
};

const HEAD = ["field", "type", "default", "rules", "meaning", "since"];

const sectionOf = ({ kind }: CustomResource, name: string, schema: SchemaNode): string => {
  const node = schema.properties?.[name];
  if (node === undefined) throw new Error(`${kind} has no ${name}`);
  const fields = fieldsOf(name, node);
  const rows = fields.map(({ path, node: field, isRequired }) => [
    code(path),
    typeOf(field) + (field.nullable === true ? ", or null" : ""),
    field.default === undefined ? "" : code(String(field.default)),
    rulesOf(field, isRequired),
    prose(field.description ?? ""),
    SINCE[kind]?.[path] ?? FIRST_RELEASE,
  ]);
  const own = ownRules(node).map((rule) => `- ${prose(rule)}`);
  const ofAll = own.length === 0 ? "" : `\nOf \`${name}\` as a whole:\n\n${own.join("\n")}\n`;
  return `## ${name}\n\n${prose(node.description ?? "")}\n\n${table(HEAD, rows)}\n${ofAll}`;
};

/** All fields below a node, each before what it holds. */
const fieldsOf = (path: string, node: SchemaNode): readonly Field[] =>
  Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const at = `${path}.${name}`;
    const field = { path: at, node: child, isRequired: node.required?.includes(name) ?? false };
    if (path in FOREIGN) return [{ ...field, node: { ...child, description: firstSentence(child.description) } }];
    if (at in FOREIGN)
      return [{ ...field, node: { ...child, description: foreign(at, child) } }, ...fieldsOf(at, child)];
    const inside = child.items === undefined ? fieldsOf(at, child) : fieldsOf(`${at}[]`, child.items);
    return [field, ...inside];
  });

const foreign = (path: string, { description = "" }: SchemaNode): string =>
  `${firstSentence(description)} Kubernetes' own type ${FOREIGN[path]} of ${POD_API_VERSION}: what is below the first level is not listed here.`;

const firstSentence = (text = ""): string => /^[\s\S]*?[.](?=\s|$)/.exec(text)?.[0] ?? text;

const typeOf = (node: SchemaNode): string => {
  if (node["x-kubernetes-int-or-string"] === true) return "integer or string";
  if (node.items !== undefined) return `list of ${typeOf(node.items)}`;
  if (node.additionalProperties !== undefined) return `map of ${typeOf(node.additionalProperties)}`;
  return node.format === undefined ? (node.type ?? "any") : `${node.type} (${node.format})`;
};

const rulesOf = (node: SchemaNode, isRequired: boolean): string =>
  [
    ...(isRequired ? ["required"] : []),
    ...bounds(node).map(prose),
    ...[node.items, node.additionalProperties].flatMap((child) =>
      child === undefined ? [] : bounds(child).map((bound) => `each: ${prose(bound)}`),
    ),
  ].join("; ");

const bounds = (node: SchemaNode): readonly string[] => [
  ...(node.enum === undefined ? [] : [`one of ${node.enum.join(", ")}`]),
  ...range(node.minimum, node.maximum, ""),
  ...range(node.minLength, node.maxLength, "characters"),
  ...range(node.minItems, node.maxItems, "items"),
  ...range(node.minProperties, node.maxProperties, "keys"),
  ...(node.pattern === undefined ? [] : ["a pattern: see the CRD"]),
  ...ownRules(node),
];

const ownRules = (node: SchemaNode): readonly string[] =>
  node["x-kubernetes-validations"]?.map(({ message }) => `“${message}”`) ?? [];

const range = (least: number | undefined, most: number | undefined, unit: string): readonly string[] => {
  const of = unit === "" ? "" : ` ${unit}`;
  if (least !== undefined && most !== undefined) return [`${least} to ${most}${of}`];
  if (most !== undefined) return [`at most ${most}${of}`];
  return least === undefined ? [] : [`at least ${least}${of}`];
};
