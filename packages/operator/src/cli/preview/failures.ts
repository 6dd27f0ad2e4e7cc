import { caret } from "@pcmc/gotemplate";
import { indented } from "../../admission/finding.ts";
import { describeFault, type TemplateFault } from "../../podconfigmap/desired.ts";
import { placeText } from "../input/manifest.ts";
import type { PreviewConfig } from "./inputs.ts";
import type { Result, Scene } from "./scene.ts";

type Failed = Result & { readonly kind: "failed" };

/**
 * Says what failed, for standard error: one line for each template and Pod, with the place in the file, and below the first
 * of those about one place the line of the template with a caret.
 */
export class FailureText {
  readonly #shown = new Set<string>();

  /** Of a template that does not parse. */
  syntax(config: PreviewConfig, faults: readonly TemplateFault[]): string {
    return faults.map((fault) => this.#fault(`PodConfigMapConfig ${config.parsed.name}`, config, fault)).join("");
  }

  /** Of one Pod; the keys of `told` were reported for all Pods alike. */
  pod(
    { pod, message, faults }: Failed,
    {
      scene,
      config,
      told,
    }: { readonly scene: Scene; readonly config: PreviewConfig; readonly told: ReadonlySet<string> },
  ): string {
    const subject = `Pod ${scene.namespace}/${pod}, PodConfigMapConfig ${config.parsed.name}`;
    if (faults.length === 0) return `${subject}: ${message}\n`;
    return faults
      .filter(({ key }) => !told.has(key))
      .map((fault) => this.#fault(subject, config, fault))
      .join("");
  }

  #fault(subject: string, { parsed, manifest }: PreviewConfig, fault: TemplateFault): string {
    const { key, line, column = 1 } = fault;
    const head = `${subject}: ${describeFault(fault)}`;
    const source = parsed.spec.templates.get(key);
    if (line === undefined || source === undefined) return `${head}\n`;
    const place = placeText(manifest.place(["spec", "configMapDataTemplate", key], { line, column }));
    const excerpt = this.#shown.has(place) ? "" : `${indented(caret(source, { line, column }))}\n`;
    this.#shown.add(place);
    return `${head} (${place})\n${excerpt}`;
  }
}
