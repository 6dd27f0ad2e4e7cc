import type { Stored } from "@pcmc/controller-runtime";
import { Command, CommanderError } from "commander";
import type { DaemonSet, Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { Container, Pod } from "kubernetes-types/core/v1.d.ts";
import { loadSettings, type Settings, SettingsError } from "../../settings/settings.ts";
import { settingsList } from "../../settings/table.ts";
import { settingsOptions } from "../settings-options.ts";
import type { Listed } from "./reader.ts";
import type { Seen } from "./seen.ts";

/** What Pods of ours are made by. */
export type Workload = Stored<Deployment | DaemonSet>;

/** The manager, as far as its workload tells. */
export interface Operator {
  /** `Deployment`, or `DaemonSet` where manager and agent are one process. */
  readonly kind: "Deployment" | "DaemonSet";
  readonly namespace: string;
  readonly name: string;
  readonly image: string;
  readonly serviceAccount: string;
  /** What it was told; undefined where that cannot be parsed. */
  readonly settings: Settings | undefined;
  /** Why not, in lines. */
  readonly problems: readonly string[];
  /** Variables that come from elsewhere: a ConfigMap, a Secret. */
  readonly unknown: readonly string[];
  /** Name of the Secret with the webhooks' certificate; undefined where the workload names none, or its settings are wrong. */
  readonly certificateSecret: string | undefined;
  readonly desired: number;
  readonly ready: number;
}

/** An operator, and its Pods. */
export interface RunningOperator extends Operator {
  readonly pods: Seen<Listed<Stored<Pod>> | undefined>;
}

/** `Deployment default/podconfigmap-controller`. */
export const operatorText = ({ kind, namespace, name }: Pick<Operator, "kind" | "namespace" | "name">): string =>
  `${kind} ${namespace}/${name}`;

/** Reads off a workload of ours what runs; undefined where it runs no manager. */
export const operatorOf = (kind: Operator["kind"], workload: Workload): Operator | undefined => {
  const container = workload.spec?.template.spec?.containers.find(isManager);
  if (container === undefined) return undefined;
  const { name, namespace = "default" } = workload.metadata;
  const told = settingsOf(container, namespace);
  return {
    kind,
    name,
    namespace,
    image: container.image ?? "",
    serviceAccount: workload.spec?.template.spec?.serviceAccountName ?? "default",
    ...told,
    certificateSecret: told.settings && certificateSecretOf(told.settings, container, workload),
    ...countsOf(workload),
  };
};

const isManager = ({ args = [], command = [] }: Container): boolean => [...command, ...args].includes("manager");

const countsOf = ({ spec, status }: Workload): Pick<Operator, "desired" | "ready"> => {
  if (status !== undefined && "desiredNumberScheduled" in status) {
    return { desired: status.desiredNumberScheduled, ready: status.numberReady };
  }
  const desired = spec !== undefined && "replicas" in spec ? (spec.replicas ?? 1) : 0;
  return { desired, ready: status !== undefined && "readyReplicas" in status ? (status.readyReplicas ?? 0) : 0 };
};

/** Its own, or the one that others fill and that is mounted where the manager reads. */
const certificateSecretOf = (
  { webhookCertDir, webhookSecretName }: Settings,
  { volumeMounts = [] }: Container,
  { spec }: Workload,
): string | undefined => {
  if (webhookCertDir === undefined) return webhookSecretName;
  const folder = (path: string) => path.replace(/\/+$/, "");
  const mount = volumeMounts.find(({ mountPath }) => folder(mountPath) === folder(webhookCertDir));
  return spec?.template.spec?.volumes?.find(({ name }) => name === mount?.name)?.secret?.secretName;
};

/** The same parser as the manager's, so that what it would do with them is what is said. */
const settingsOf = (container: Container, namespace: string): Pick<Operator, "settings" | "problems" | "unknown"> => {
  const { command = [], args = [], env = [], envFrom = [] } = container;
  const words = [...command, ...args];
  const given = words.slice(words.indexOf("manager") + 1);
  const unknown = env.filter(({ valueFrom }) => valueFrom !== undefined && valueFrom.fieldRef === undefined);
  const known = env.flatMap(({ name, value, valueFrom }) => {
    const told = valueFrom?.fieldRef?.fieldPath === "metadata.namespace" ? namespace : value;
    return told === undefined ? [] : [[name, told] as const];
  });
  // In a Pod there is always one; by it the webhooks are on.
  const told = { ...Object.fromEntries(known), KUBERNETES_SERVICE_HOST: "kubernetes.default.svc" };
  const sources = envFrom.map(({ configMapRef, secretRef }) =>
    configMapRef === undefined ? `all of Secret ${secretRef?.name}` : `all of ConfigMap ${configMapRef.name}`,
  );
  const names = [...unknown.map(({ name }) => name), ...sources];
  try {
    return { settings: loadSettings({ flags: flagsIn(given), env: told }), problems: [], unknown: names };
  } catch (error) {
    if (error instanceof SettingsError)
      return { settings: undefined, problems: error.message.split("\n"), unknown: names };
    if (!(error instanceof CommanderError)) throw error;
    return { settings: undefined, problems: [error.message], unknown: names };
  }
};

const flagsIn = (words: readonly string[]): Record<string, unknown> => {
  const silent = () => {};
  const command = new Command("manager").exitOverride().configureOutput({ writeOut: silent, writeErr: silent });
  for (const option of settingsOptions(settingsList)) command.addOption(option);
  return command.parse([...words], { from: "user" }).opts();
};
