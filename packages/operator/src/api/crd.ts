import { isScalar, type Pair, stringify } from "yaml";
import type { Schema } from "./schema.ts";

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  readonly jsonPath: string;
}

/** A namespaced custom resource with a status subresource, as a CRD is made of it. */
export interface CustomResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** What `kubectl explain` says of the kind. */
  readonly description: string;
  /** `spec` and `status`. */
  readonly schema: Schema;
  readonly printerColumns: readonly PrinterColumn[];
}

/** What Kubernetes' own generated schemas say of the three fields that every object has. */
const commonFields = {
  apiVersion: {
    description: "Versioned schema of this representation of the object: group/version.",
    type: "string",
  },
  kind: { description: "The REST resource that this object represents, in CamelCase.", type: "string" },
  metadata: { type: "object" },
};

const openApiSchema = ({ description, schema }: CustomResource) => ({
  description,
  type: schema.type,
  properties: { ...commonFields, ...schema.properties },
});

/** The CustomResourceDefinition as a plain object. */
export const customResourceDefinition = (resource: CustomResource) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${resource.plural}.${resource.group}` },
  spec: {
    group: resource.group,
    names: {
      kind: resource.kind,
      listKind: `${resource.kind}List`,
      plural: resource.plural,
      singular: resource.singular,
      shortNames: resource.shortNames,
      categories: resource.categories,
    },
    scope: "Namespaced",
    versions: [
      {
        name: resource.version,
        served: true,
        storage: true,
        additionalPrinterColumns: resource.printerColumns,
        schema: { openAPIV3Schema: openApiSchema(resource) },
        subresources: { status: {} },
      },
    ],
  },
});

/** The description first, as in the CRDs that people know; all else in the order of the code. */
const descriptionFirst = (a: Pair, b: Pair): number => rank(a) - rank(b);
const rank = ({ key }: Pair): number => (isScalar(key) && key.value === "description" ? 0 : 1);

const HEADER =
  "# Generated from packages/operator/src/api by scripts/generate.ts. Do not edit: change the schema there.\n";

/** The CRD as the file in `crd/` holds it. */
export const crdYaml = (resource: CustomResource): string => {
  // Through JSON: what only the code needs (the twins of CEL rules, the marks of optional properties) is no JSON and stays behind.
  const plain: unknown = JSON.parse(JSON.stringify(customResourceDefinition(resource)));
  return HEADER + stringify(plain, { lineWidth: 120, aliasDuplicateObjects: false, sortMapEntries: descriptionFirst });
};
