import type { JsonValue, Rendered, RenderOptions, TemplateError, TemplateSet } from "@pcmc/gotemplate";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Rendering, TemplateFault } from "./desired.ts";
import { templateData } from "./template-data.ts";

/**
 * Renders the templates of the PodConfigMapConfig `pcmc` for a Pod. A template that fails is never thrown: it is among the
 * errors, as is each that does not parse.
 *
 * @throws DataError when the Pod cannot be given to a template, EngineClosedError, or the signal's reason.
 */
export const renderPod = (
  pod: Pod,
  pcmc: string,
  templates: TemplateSet,
  options: RenderOptions = {},
): Promise<Rendered> => {
  // The boundary: a Pod is JSON, which the interfaces of its type cannot say.
  const data = templateData(pod, pcmc) as unknown as JsonValue;
  return templates.render(data, options);
};

/** The outcome as `desiredConfigMaps` wants it: all values, or every template that failed. */
export const renderingOf = ({ values, errors }: Rendered): Rendering =>
  errors.length === 0 ? { ok: true, data: values } : { ok: false, faults: errors.map(faultOf) };

/** What the engine says of one template, in one line. */
export const faultOf = ({ key = "", reason, line, column, detail, suggestion }: TemplateError): TemplateFault => ({
  key,
  line,
  column,
  message: `${oneLine(detail)}${suggestion === undefined ? "" : ` (did you mean "${suggestion}"?)`}`,
  ...(reason === "deadline" && { mayPass: true }),
});

const oneLine = (text: string): string => text.replaceAll(/\s*[\r\n]\s*/g, " ");
