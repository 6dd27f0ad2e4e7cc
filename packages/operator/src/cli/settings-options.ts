import { Option } from "commander";
import type { SettingsList } from "../settings/setting.ts";

/** One option a setting. What is given is parsed with the environment, so that all wrong values are told at once. */
export const settingsOptions = (list: SettingsList): Option[] =>
  list.map(({ setting: { flag, env, type, default: text, description } }) => {
    // As with Go's flags, `--debug` alone means true, and `--debug=false` is how to say no.
    const value = type.placeholder === "boolean" ? "[boolean]" : `<${type.placeholder}>`;
    const facts = [text && `default ${text}`, env && `env ${env}`].filter(Boolean).join(", ");
    return new Option(`--${flag} ${value}`, facts === "" ? description : `${description} (${facts})`);
  });
