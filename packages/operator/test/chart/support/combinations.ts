import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { CHART, type Values } from "./helm.ts";

/** Values that differ much from each other, beside those that `helm lint` is run with. */
const CHOSEN: readonly { readonly name: string; readonly values: Values }[] = [
  { name: "the defaults", values: {} },
  { name: "agent", values: { agent: { enabled: true } } },
  { name: "agent of old kernels", values: { agent: { enabled: true, capabilities: ["SYS_ADMIN", "NET_ADMIN"] } } },
  {
    name: "podlogreader alone",
    values: { controllers: ["podlogreader"], podlogreader: { createSaAndRoleBinding: true } },
  },
  { name: "watcher in two namespaces", values: { controllers: ["watcher"], watchNamespaces: ["shop", "pay"] } },
  {
    name: "all in two namespaces, with agent",
    values: {
      watchNamespaces: ["shop", "pay"],
      agent: { enabled: true },
      webhooks: { certManager: { enabled: true } },
    },
  },
  { name: "no webhooks", values: { webhooks: { enabled: false } } },
  { name: "webhooks that fail", values: { webhooks: { failurePolicy: "Fail" }, settings: { webhookAddr: ":8443" } } },
  { name: "cert-manager, own issuer", values: { webhooks: { certManager: { enabled: true } } } },
  { name: "no labels of the release", values: { standardLabels: false, crds: { keep: false } } },
  {
    name: "a Lease elsewhere",
    values: { settings: { leaderElectionLockNamespace: "locks", leaderElectionLockName: "lock" } },
  },
  {
    name: "files of others",
    values: {
      extraVolumes: [{ name: "kubeconfig", secret: { secretName: "kubeconfig" } }],
      extraVolumeMounts: [{ name: "kubeconfig", mountPath: "/etc/pcmc", readOnly: true }],
      settings: { kubeconfig: "/etc/pcmc/kubeconfig" },
      podDisruptionBudget: { maxUnavailable: "", minAvailable: "50%" },
      nodeSelector: { pool: "system" },
    },
  },
];

const files = readdirSync(`${CHART}/ci`).map((file) => ({
  name: file.replace("-values.yaml", ""),
  values: parse(readFileSync(`${CHART}/ci/${file}`, "utf8")) as Values,
}));

/** Each with a name for the test. */
export const COMBINATIONS = [...CHOSEN, ...files];
