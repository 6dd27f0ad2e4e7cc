import { POD_TYPES } from "./pod-fields.ts";

interface Field {
  /** What comes next on a path: nothing after a list, any key after a map. */
  readonly holds: "value" | "list" | "map";
  /** What there is below it, or below its elements. Absent: nothing. */
  readonly type?: string;
}

type Fields = ReadonlyMap<string, Field>;

const HOLDS: Readonly<Record<string, Field["holds"]>> = { "[]": "list", "{}": "map" };

const readField = (text: string): readonly [string, Field] => {
  const [, name = "", mark = "", type] = /^(\w+)(\[\]|\{\})?(?::(\w+))?$/.exec(text) ?? [];
  return [name, { holds: HOLDS[mark] ?? "value", ...(type !== undefined && { type }) }];
};

const podTypes = POD_TYPES.trim()
  .split("\n")
  .map((line): [string, Fields] => {
    const [name = "", ...fields] = line.split(/:? /);
    return [name, new Map(fields.map(readField))];
  });

const types: ReadonlyMap<string, Fields> = new Map([
  ...podTypes,
  ["PodConfigMapConfig", new Map<string, Field>([["name", { holds: "value" }]])],
]);

/** What a template's data has at its root (`templateData`), and the type that is below it. */
const ROOT: Fields = new Map<string, Field>([
  ["metadata", { holds: "value", type: "ObjectMeta" }],
  ["spec", { holds: "value", type: "PodSpec" }],
  ["status", { holds: "value", type: "PodStatus" }],
  ["pcmc", { holds: "value", type: "PodConfigMapConfig" }],
  ["labels", { holds: "map" }],
  ["annotations", { holds: "map" }],
  ["namespace", { holds: "value" }],
  ["podName", { holds: "value" }],
  ["nodeName", { holds: "value" }],
  ["phase", { holds: "value" }],
]);

const NO_FIELDS: Fields = new Map();
const fieldsOf = (type = ""): Fields => types.get(type) ?? NO_FIELDS;

/** The first step of a path that no Pod has, and what there is instead. */
export interface MissingField {
  /** The path up to and with the step: `spec.nodename`. */
  readonly field: string;
  /** Names that the place has; empty where it has no fields at all. */
  readonly known: readonly string[];
}

/**
 * Where a path of map keys that a template reads leaves the data that it is given; `undefined` where it does not. The keys of
 * labels and other maps are any.
 *
 * @example missingField(["spec", "nodename"]) // { field: "spec.nodename", known: ["nodeName", ...] }
 */
export const missingField = (path: readonly string[]): MissingField | undefined => {
  let fields = ROOT;
  for (let at = 0; at < path.length; at++) {
    const field = fields.get(path[at] ?? "");
    if (field === undefined) return { field: path.slice(0, at + 1).join("."), known: [...fields.keys()] };
    if (field.holds === "map") at++;
    fields = field.holds === "list" ? NO_FIELDS : fieldsOf(field.type);
  }
  return undefined;
};

/** The fields of `metadata`, of any kind of object. */
export const metadataFields: ReadonlySet<string> = new Set([...fieldsOf("ObjectMeta").keys(), "managedFields"]);
