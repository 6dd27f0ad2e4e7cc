import { stringify } from "yaml";

/** An object as YAML, without anchors, which few people read, and without the last line's end. */
export const yamlOf = (object: object): string =>
  stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
