import type { Rule } from "./schema.ts";

interface NamedKey {
  /** The CEL expression that is true of a sound `key`. */
  readonly sound: string;
  /** Its twin. */
  isSound(key: string): boolean;
  /** What is wrong with a key that is not: it follows the key. */
  readonly fault: string;
}

/**
 * The message of a rule about the keys of a map, with a key that is at fault: any of them in the API server, because CEL goes
 * through maps in random order and sorting costs more than its estimate allows; the first here.
 */
export const namedKey = ({ sound, isSound, fault }: NamedKey): Pick<Rule<object>, "messageExpression" | "explain"> => ({
  messageExpression: `'the key ' + self.filter(key, !(${sound}))[0] + ' ${fault.replaceAll("'", "\\'")}'`,
  explain: (map) => `the key ${Object.keys(map).find((key) => !isSound(key)) ?? ""} ${fault}`,
});
