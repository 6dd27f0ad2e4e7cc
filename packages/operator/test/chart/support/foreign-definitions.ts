/** CRDs of other projects, as far as an API server needs them to take an object: any content. */
const definition = (group: string, kind: string, plural: string) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
});

const MONITORING = "monitoring.coreos.com";
const CERTIFICATES = "cert-manager.io";

/** Of the Prometheus operator and cert-manager. */
export const foreignDefinitions = [
  definition(MONITORING, "ServiceMonitor", "servicemonitors"),
  definition(MONITORING, "PodMonitor", "podmonitors"),
  definition(MONITORING, "PrometheusRule", "prometheusrules"),
  definition(CERTIFICATES, "Certificate", "certificates"),
  definition(CERTIFICATES, "Issuer", "issuers"),
];
