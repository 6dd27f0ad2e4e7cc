export { caret } from "./caret.ts";
export { JsonText, type JsonValue, jsonText, type TemplateData } from "./data.ts";
export { createEngine, type TemplateEngine } from "./engine.ts";
export {
  DataError,
  EngineClosedError,
  TemplateError,
  type TemplateErrorFields,
  type TemplateErrorReason,
} from "./errors.ts";
export { type ExcludedFunction, excludedFunctions, functionNames } from "./functions.ts";
export type { EngineOptions } from "./limits.ts";
export { prune } from "./prune.ts";
export type { Reads } from "./reads.ts";
export type { AbortSource, CompileOptions, Rendered, RenderOptions, Template, TemplateSet } from "./template.ts";
