import { agentSettingsTable } from "../packages/operator/src/settings/agent-table.ts";
import type { Setting } from "../packages/operator/src/settings/setting.ts";
import {
  boolean,
  durationOrOff,
  namespace,
  objectName,
  positiveDuration,
} from "../packages/operator/src/settings/value-types.ts";
import { CHANGED, type ChartSetting, chartSettings } from "./chart-settings.ts";

/** A JSON schema, or a part of one. */
export type Schema = Readonly<Record<string, unknown>>;

/** The program's own default. */
const EMPTY: Schema = { const: "" };

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const DURATION =
  "^([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)(([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h))*$";

/** The name of a namespace. */
export const NAMESPACE_SCHEMA: Schema = { type: "string", pattern: `^${LABEL}$`, maxLength: 63 };
/** The name of an object. */
export const NAME_SCHEMA: Schema = { type: "string", pattern: `^${LABEL}(\\.${LABEL})*$`, maxLength: 253 };

/** 1 to 65535: any free port, 0, is none that a probe or a Service could ask. */
const PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";

const ADDRESS: Schema = {
  type: "string",
  pattern: `^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?)?:${PORT}$`,
};

const number = (allowed: string): Schema => {
  const [, minimum, maximum] = /a whole number from (\d+) to (\d+)/.exec(allowed) ?? [];
  if (minimum === undefined || maximum === undefined) throw new Error(`no bounds in "${allowed}"`);
  return { type: "integer", minimum: Number(minimum), maximum: Number(maximum) };
};

/** What a setting may be, as the program parses it; what it checks besides, it says at its start. */
const alternatives = ({ type, default: text, env }: Setting<unknown>): readonly Schema[] => {
  if (type === boolean) return [{ enum: [true, false] }];
  if (type === positiveDuration) return [{ type: "string", allOf: [{ pattern: DURATION }, { pattern: "[1-9]" }] }];
  if (type === durationOrOff) return [{ type: "string", pattern: `${DURATION}|^0$` }, { const: 0 }];
  if (type === namespace) return [NAMESPACE_SCHEMA];
  if (type === objectName) return [NAME_SCHEMA];
  switch (type.placeholder) {
    case "number":
      return [number(type.allowed)];
    case "number|auto":
      return [number(type.allowed), { const: "auto" }];
    case "address":
      return type.parse("0") === undefined ? [ADDRESS] : [ADDRESS, { const: "0" }, { const: 0 }];
    case "folder":
      return [{ type: "string", pattern: "^/." }];
    case "file":
      return [{ type: "string", minLength: 1 }];
    default:
      if (type.placeholder.includes("|") && type.parse(text) !== undefined)
        return [{ enum: type.placeholder.split("|") }];
      throw new Error(`${env}: no schema for ${type.allowed}`);
  }
};

/** Ports and names of the chart's objects come from these, so they have to say something. */
const NEVER_EMPTY: readonly string[] = ["metricsAddr", "webhookAddr"];

const settingSchema = ({ key, setting, env }: ChartSetting): Schema => {
  const any = [...alternatives(setting), ...(NEVER_EMPTY.includes(key) ? [] : [EMPTY])];
  const [only] = any;
  const text = `${env}: ${setting.description}`;
  return { description: text, ...(any.length === 1 ? only : { anyOf: any }) };
};

const object = (settings: readonly ChartSetting[]): Schema => ({
  type: "object",
  additionalProperties: false,
  properties: Object.fromEntries(settings.map((one) => [one.key, settingSchema(one)])),
});

/** Of `settings`. */
export const settingsSchema = (): Schema => object(chartSettings);

/** Of `agent.settings`. */
export const agentSettingsSchema = (): Schema => object(chartSettings.filter(({ key }) => key in agentSettingsTable));

/** The defaults that the chart has for itself have to be allowed, too. @throws where one is not. */
for (const { key, setting } of chartSettings) {
  const value = CHANGED[key]?.value;
  if (value && setting.type.parse(value) === undefined) throw new Error(`${key}: ${value} is not allowed`);
}
