import { build } from "../scripts/build.ts";

/** Builds the module when it is not there, or not of these sources. */
export const setup = (): void => {
  build((line) => process.stderr.write(`gotemplate: ${line}\n`));
};
