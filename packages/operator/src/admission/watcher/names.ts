import { MAX_NAME } from "../../api/syntax.ts";
import { configMapNameOf } from "../../watcher/names.ts";
import { error, type Finding } from "../finding.ts";

/** The name of the managed ConfigMap has to be one: a Watcher's name can be too long for that. */
export const nameFindings = (name: string): readonly Finding[] => {
  const longest = MAX_NAME - configMapNameOf("").length;
  if (name.length <= longest) return [];
  const message = `must have at most ${longest} characters, not ${name.length}: its ConfigMap is called <name>${configMapNameOf("")}, and names have at most ${MAX_NAME}`;
  return [error(["metadata", "name"], message, "FieldValueTooLong")];
};
