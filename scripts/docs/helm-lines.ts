import type { Page } from "./markdown.ts";
import { joined, SHELL } from "./pcmc-lines.ts";

/** What an upgrade that sets values has to say, and what happens without it. */
const DEMANDED: readonly (readonly [flag: string, otherwise: string])[] = [
  ["--reset-then-reuse-values", "what was set before is forgotten, agents among it"],
  ["--namespace", "it goes to whatever namespace the reader's context has"],
];

/** Each `helm upgrade` with `--set` that would do more than the page says: `FILE:LINE: what is missing`. */
export const forgetfulUpgrades = (pages: readonly Page[]): readonly string[] =>
  pages.flatMap(({ path, fences }) =>
    fences
      .filter(({ info }) => SHELL.has(info))
      .flatMap(({ text, line }) =>
        joined(text)
          .filter((command) => /\bhelm upgrade\b.* --set/.test(command))
          .flatMap((command) =>
            DEMANDED.filter(([flag]) => !command.split(/[\s=]+/).includes(flag)).map(
              ([flag, otherwise]) => `${path}:${line}: helm upgrade without ${flag}: ${otherwise}`,
            ),
          ),
      ),
  );
