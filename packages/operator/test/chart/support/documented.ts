import { readFileSync } from "node:fs";
import { readPage } from "../../../../../scripts/docs/markdown.ts";
import { ROOT } from "../../../../../scripts/docs/pages.ts";
import { type ChartObject, objectsIn } from "./helm.ts";

/** The objects that a page shows. @param path - from the root of the repository */
export const documented = (path: string): readonly ChartObject[] =>
  readPage(path, readFileSync(`${ROOT}${path}`, "utf8"))
    .fences.filter(({ info }) => info === "yaml")
    .flatMap(({ text }) => objectsIn(text));
