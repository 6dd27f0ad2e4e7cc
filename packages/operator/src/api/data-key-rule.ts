import { namedKey } from "./named-key.ts";
import type { Rule } from "./schema.ts";
import { DATA_KEY_PATTERN, isDataKey, MAX_DATA_KEY } from "./syntax.ts";

const SOUND_DATA_KEY = `size(key) <= ${MAX_DATA_KEY} && key.matches('${DATA_KEY_PATTERN}') && key != '.' && !key.startsWith('..')`;
const DATA_KEY_FAULT =
  `cannot be a key of a ConfigMap: use at most ${MAX_DATA_KEY} letters, digits, '-', '_' and '.', ` +
  "other than '.' itself and not with '..' at the start";

/** The keys of a map that become keys of a ConfigMap's data. */
export const dataKeys: Rule<object> = {
  rule: `self.all(key, ${SOUND_DATA_KEY})`,
  message: `a key ${DATA_KEY_FAULT}`,
  ...namedKey({ sound: SOUND_DATA_KEY, isSound: isDataKey, fault: DATA_KEY_FAULT }),
  check: (data) => Object.keys(data).every(isDataKey),
};
