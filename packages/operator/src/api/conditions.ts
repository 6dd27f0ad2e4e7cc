import { array, integer, object, oneOf, optional, type Static, string } from "./schema.ts";

/** `metav1.Condition`, with the bounds that Kubernetes' own CRDs give it. */
const conditionSchema = object({
  type: string({
    description: "What the condition is about: Ready, or a more special one.",
    maxLength: 316,
    pattern:
      "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
  }),
  status: oneOf(["True", "False", "Unknown"], { description: "Whether the condition holds." }),
  observedGeneration: optional(
    integer({
      description: "The metadata.generation that the condition was judged at. Older than the object's: out of date.",
      format: "int64",
      minimum: 0,
    }),
  ),
  lastTransitionTime: string({ description: "When status last changed.", format: "date-time" }),
  reason: string({
    description: "Why, as one word for programs.",
    maxLength: 1024,
    minLength: 1,
    pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
  }),
  message: string({ description: "Why, for people. May be empty.", maxLength: 32768 }),
});

/** A condition as it is stored. */
export type Condition = Static<typeof conditionSchema>;

/** The conditions of a status: a list with one entry a type, so that several writers can each apply their own. */
export const conditionsSchema = (description: string) =>
  array(conditionSchema, { description, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] });
