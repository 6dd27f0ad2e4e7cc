import type { TemplateEngine as Engine } from "@pcmc/gotemplate";

/** The part of the template engine that admission needs: it only compiles. */
export type TemplateEngine = Pick<Engine, "compileAll">;
