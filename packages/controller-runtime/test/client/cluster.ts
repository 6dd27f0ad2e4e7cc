import type { Cluster } from "@pcmc/devcluster";
import type { TlsMaterial } from "../../src/config/cluster-config.ts";
import { defineResource } from "../../src/resource.ts";
import { TestConfig } from "./test-config.ts";

/** The configuration of a cluster's admin; `tls` replaces parts of it. */
export const configOf = (cluster: Cluster, tls: Partial<TlsMaterial> = {}): TestConfig =>
  new TestConfig(cluster.server, {
    ca: cluster.caPem,
    cert: cluster.certPem,
    key: cluster.keyPem,
    rejectUnauthorized: true,
    ...tls,
  });

/** A custom resource with an int64, and a status subresource. */
export interface Gauge {
  apiVersion?: string;
  kind?: string;
  metadata?: { name?: string; namespace?: string; resourceVersion?: string; labels?: Record<string, string> };
  spec?: { total?: number | bigint; note?: string };
  status?: { seen?: number };
}

export const Gauges = defineResource<Gauge>({
  apiVersion: "test.example.com/v1",
  kind: "Gauge",
  plural: "gauges",
  namespaced: true,
});

export const CustomResourceDefinitions = defineResource({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
});

const object = (properties: object) => ({ type: "object", properties });

/** The definition of `Gauges`. */
export const gaugeDefinition = {
  metadata: { name: "gauges.test.example.com" },
  spec: {
    group: "test.example.com",
    scope: "Namespaced",
    names: { kind: "Gauge", listKind: "GaugeList", plural: "gauges", singular: "gauge" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: object({
            spec: object({
              total: { type: "integer", format: "int64", minimum: 0 },
              note: { type: "string", maxLength: 5 },
            }),
            status: object({ seen: { type: "integer" } }),
          }),
        },
      },
    ],
  },
};
