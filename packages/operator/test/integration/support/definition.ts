import { readFileSync } from "node:fs";
import type { Cluster } from "@pcmc/devcluster";
import { parse } from "yaml";
import { eventually } from "./eventually.ts";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** The parts of the CustomResourceDefinition that tests change. */
export interface Definition {
  spec: { versions: { schema: { openAPIV3Schema: { properties: Record<string, unknown> } } }[] };
}

/** The committed CustomResourceDefinition. */
export const committedDefinition = (): Definition =>
  parse(readFileSync(new URL("../../../../../crd/podconfigmapconfig_crd.yaml", import.meta.url), "utf8"));

/** The same with a spec that takes anything, as an older definition may have had it. */
export const laxDefinition = (): Definition => {
  const definition = committedDefinition();
  for (const { schema } of definition.spec.versions) {
    schema.openAPIV3Schema.properties.spec = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  }
  return definition;
};

/** Applies a definition; resolves when the API server serves it. */
export const install = async (cluster: Cluster, definition: Definition): Promise<void> => {
  await cluster.request("POST", DEFINITIONS, definition);
  const path = "/apis/podconfig.example.com/v1alpha1/podconfigmapconfigs";
  await eventually("the API server serves podconfigmapconfigs", () => cluster.request("GET", path));
};

/** Takes the definition out again, and all PodConfigMapConfigs with it; resolves when it is gone. */
export const uninstall = async (cluster: Cluster): Promise<void> => {
  const path = `${DEFINITIONS}/podconfigmapconfigs.podconfig.example.com`;
  await cluster.request("DELETE", path);
  await eventually("the definition is gone", () =>
    cluster.request("GET", path).then(
      () => false,
      () => true,
    ),
  );
};
