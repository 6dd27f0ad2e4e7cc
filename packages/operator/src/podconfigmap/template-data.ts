import type { Pod, PodSpec, PodStatus } from "kubernetes-types/core/v1.d.ts";
import type { ObjectMeta } from "kubernetes-types/meta/v1.d.ts";

/** The dot of a template: the Pod as the API has it, and what most templates want of it under short names. */
export interface PodTemplateData {
  /** Without `managedFields`: they change with each write of anyone. */
  readonly metadata: Omit<ObjectMeta, "managedFields">;
  readonly spec: Partial<PodSpec>;
  readonly status: PodStatus;
  readonly pcmc: { readonly name: string };
  /** Empty where the Pod has none. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly namespace: string;
  readonly podName: string;
  /** Empty while the Pod is not scheduled. */
  readonly nodeName: string;
  readonly phase: string;
}

/**
 * What the templates of the PodConfigMapConfig `pcmcName` see of `pod`.
 *
 * The six short names are always there, so that `missingkey=error` is about what a Pod may really lack. A Pod that no API
 * server has stored can lack more: its namespace is then `default`, its `spec` and `status` empty.
 */
export const templateData = ({ metadata, spec, status }: Pod, pcmcName: string): PodTemplateData => {
  const { managedFields: _managedFields, ...kept } = metadata ?? {};
  return {
    metadata: kept,
    spec: spec ?? {},
    status: status ?? {},
    pcmc: { name: pcmcName },
    labels: kept.labels ?? {},
    annotations: kept.annotations ?? {},
    namespace: kept.namespace || "default",
    podName: kept.name ?? "",
    nodeName: spec?.nodeName ?? "",
    phase: status?.phase ?? "",
  };
};
