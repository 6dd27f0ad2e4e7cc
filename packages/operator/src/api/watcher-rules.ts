import { decodedLength } from "./formats.ts";
import type { Rule } from "./schema.ts";
import { codePoints } from "./syntax.ts";
import { eachFits, totalSize } from "./total-size.ts";

/** How the container comes into a Pod. */
export const INJECT_AS = ["Auto", "Sidecar", "Container"] as const;
export type InjectAs = (typeof INJECT_AS)[number];

/** The bytes that all values of a ConfigMap may have together. Source: Kubernetes' `MaxSecretSize`. */
export const MAX_CONFIG_MAP = 1_048_576;

/** Entries of each of the two maps. It bounds what the API server expects their rules to cost. */
export const MAX_ENTRIES = 128;

export interface Data {
  readonly configData?: Readonly<Record<string, string>>;
  readonly configBinaryData?: Readonly<Record<string, string>>;
}

const isInBoth =
  (data: Data) =>
  (key: string): boolean =>
    Object.hasOwn(data.configBinaryData ?? {}, key);

const IN_BOTH = "key in self.configBinaryData";
const BOTH_FAULT = "is in configData and in configBinaryData: remove one of the two";

/** No key is both text and binary. */
export const noKeyTwice: Rule<Data> = {
  rule: `!has(self.configData) || !has(self.configBinaryData) || !self.configData.exists(key, ${IN_BOTH})`,
  message: `a key ${BOTH_FAULT}`,
  messageExpression: `'the key ' + self.configData.filter(key, ${IN_BOTH})[0] + ' ${BOTH_FAULT}'`,
  fieldPath: ".configBinaryData",
  explain: (data) => `the key ${Object.keys(data.configData ?? {}).find(isInBoth(data)) ?? ""} ${BOTH_FAULT}`,
  check: (data) => !Object.keys(data.configData ?? {}).some(isInBoth(data)),
};

/** The bytes of the managed ConfigMap's values. */
export const configMapBytes = ({ configData = {}, configBinaryData = {} }: Data): number =>
  Object.values(configData).reduce((sum, text) => sum + Buffer.byteLength(text), 0) +
  Object.values(configBinaryData).reduce((sum, base64) => sum + decodedLength(base64), 0);

const ofMap = (field: keyof Data, say: (map: string) => string, absent: string) =>
  `(has(self.${field}) ? ${say(`self.${field}`)} : ${absent})`;
const sumOf = (field: keyof Data) => ofMap(field, totalSize, "0");
const eachOf = (field: keyof Data) => ofMap(field, eachFits, "true");

/** Text counts as characters here: its bytes would cost the API server too much. The webhook counts them. */
export const fitsConfigMap: Rule<Data> = {
  rule:
    `${eachOf("configData")} && ${eachOf("configBinaryData")} && ` +
    `${sumOf("configData")} + ${sumOf("configBinaryData")} <= ${MAX_CONFIG_MAP}`,
  message: `configData and configBinaryData hold more than ${MAX_CONFIG_MAP} bytes together, which no ConfigMap can: shorten them`,
  check: (data) => charactersOf(data.configData) + configMapBytes({ ...data, configData: {} }) <= MAX_CONFIG_MAP,
};

const charactersOf = (texts: Readonly<Record<string, string>> = {}): number =>
  Object.values(texts).reduce((sum, text) => sum + codePoints(text), 0);

export interface Restarting {
  readonly container: { readonly restartPolicy?: string };
  readonly injectAs?: InjectAs;
}

/** Kubernetes knows a sidecar by its restartPolicy. */
export const alwaysRestarts: Rule<Restarting> = {
  rule: "!has(self.container.restartPolicy) || self.container.restartPolicy == 'Always' || (has(self.injectAs) && self.injectAs == 'Container')",
  message: "a sidecar has restartPolicy Always, and a plain container that of its Pod: remove it",
  fieldPath: ".container.restartPolicy",
  check: ({ container: { restartPolicy = "Always" }, injectAs }) =>
    restartPolicy === "Always" || injectAs === "Container",
};

type Mounts = readonly { readonly name: string }[];
export interface Mounting {
  readonly container: { readonly volumeMounts?: Mounts; readonly volumeDevices?: Mounts };
  readonly volume?: { readonly name: string };
}

/** A Pod in which a container mounts what is not there is refused. */
export const mountsOwnVolume = (field: "volumeMounts" | "volumeDevices"): Rule<Mounting> => ({
  rule: `!has(self.container.${field}) || !self.container.${field}.exists(mount, !has(self.volume) || mount.name != self.volume.name)`,
  message: "a mount refers to no volume: a Watcher's container can mount the Watcher's own volume only",
  fieldPath: `.container.${field}`,
  check: ({ container, volume }) => (container[field] ?? []).every(({ name }) => name === volume?.name),
});
