/**
 * How a field is written. `time` is a `meta/v1.Time` and becomes RFC 3339; `bytes` becomes base64, as in JSON.
 *
 * A string, number or boolean at its zero value is left out, as `omitempty` does in JSON; `required` ones are kept.
 */
export type FieldType = "string" | "integer" | "boolean" | "bytes" | "time" | "map<string>" | "map<bytes>" | Message;

/** One field of a message. */
export interface Field {
  /** As in JSON. */
  readonly name: string;
  readonly type: FieldType;
  readonly repeated?: boolean;
  /** Present in JSON also at its zero value: not `omitempty`, or a pointer that was set. */
  readonly required?: boolean;
}

/** A message: its fields by number. Fields that are not named here are skipped. */
export interface Message {
  readonly fields: readonly (Field | undefined)[];
}

const message = (fields: Readonly<Record<number, Field>>): Message => {
  const byNumber: (Field | undefined)[] = [];
  for (const [number, field] of Object.entries(fields)) byNumber[Number(number)] = field;
  return { fields: byNumber };
};

/*
 * Numbers and types: k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto, k8s.io/apimachinery/pkg/runtime/generated.proto
 * and k8s.io/api/core/v1/generated.proto. They are part of the API and never change.
 */

const ownerReference = message({
  1: { name: "kind", type: "string", required: true },
  3: { name: "name", type: "string", required: true },
  4: { name: "uid", type: "string", required: true },
  5: { name: "apiVersion", type: "string", required: true },
  6: { name: "controller", type: "boolean", required: true },
  7: { name: "blockOwnerDeletion", type: "boolean", required: true },
});

export const objectMeta = message({
  1: { name: "name", type: "string" },
  2: { name: "generateName", type: "string" },
  3: { name: "namespace", type: "string" },
  4: { name: "selfLink", type: "string" },
  5: { name: "uid", type: "string" },
  6: { name: "resourceVersion", type: "string" },
  7: { name: "generation", type: "integer" },
  8: { name: "creationTimestamp", type: "time" },
  9: { name: "deletionTimestamp", type: "time" },
  10: { name: "deletionGracePeriodSeconds", type: "integer", required: true },
  11: { name: "labels", type: "map<string>" },
  12: { name: "annotations", type: "map<string>" },
  13: { name: "ownerReferences", type: ownerReference, repeated: true },
  14: { name: "finalizers", type: "string", repeated: true },
});

const listMeta = message({
  2: { name: "resourceVersion", type: "string" },
  3: { name: "continue", type: "string" },
});

const statusCause = message({
  1: { name: "reason", type: "string" },
  2: { name: "message", type: "string" },
  3: { name: "field", type: "string" },
});

const statusDetails = message({
  1: { name: "name", type: "string" },
  2: { name: "group", type: "string" },
  3: { name: "kind", type: "string" },
  4: { name: "causes", type: statusCause, repeated: true },
  5: { name: "retryAfterSeconds", type: "integer" },
  6: { name: "uid", type: "string" },
});

/** `meta/v1.Status`. */
export const status = message({
  1: { name: "metadata", type: listMeta },
  2: { name: "status", type: "string" },
  3: { name: "message", type: "string" },
  4: { name: "reason", type: "string" },
  5: { name: "details", type: statusDetails },
  6: { name: "code", type: "integer" },
});

/** `v1.ConfigMap`, whole but for `metadata.managedFields`. */
export const configMap = message({
  1: { name: "metadata", type: objectMeta },
  2: { name: "data", type: "map<string>" },
  3: { name: "binaryData", type: "map<bytes>" },
  4: { name: "immutable", type: "boolean", required: true },
});

const podSpec = message({
  10: { name: "nodeName", type: "string" },
  11: { name: "hostNetwork", type: "boolean" },
});

const podCondition = message({
  1: { name: "type", type: "string", required: true },
  2: { name: "status", type: "string", required: true },
  5: { name: "reason", type: "string" },
  6: { name: "message", type: "string" },
});

const podStatus = message({
  1: { name: "phase", type: "string" },
  2: { name: "conditions", type: podCondition, repeated: true },
});

/** Of `v1.Pod` what informers ask for; more is a line here. */
export const pod = message({
  1: { name: "metadata", type: objectMeta },
  2: { name: "spec", type: podSpec },
  3: { name: "status", type: podStatus },
});

/** A list of `items`. */
export const listOf = (items: Message): Message =>
  message({ 1: { name: "metadata", type: listMeta }, 2: { name: "items", type: items, repeated: true } });
