import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { AdminClient, type AuditEvent, type Cluster, freePort } from "@pcmc/devcluster";
import { parseAllDocuments } from "yaml";
import type { Group } from "../../../src/controllers/names.ts";
import type { Choice } from "../../../src/rbac/groups.ts";
import { settingsTable } from "../../../src/settings/table.ts";
import { ManagerProcess } from "./manager-process.ts";

const IDENTITY = "system:serviceaccount:default:podconfigmap-controller";
const path = (file: string) => fileURLToPath(new URL(`../../../../../${file}`, import.meta.url));

export interface Granted {
  readonly groups: readonly Group[];
  readonly choices?: readonly Choice[];
}

const SERVER_SIDE = ["apply", "--server-side", "--force-conflicts"];

const apply = async (cluster: Cluster, ...args: readonly string[]): Promise<void> => {
  const { exitCode, stderr } = await cluster.kubectl([...SERVER_SIDE, ...args]);
  if (exitCode !== 0) throw new Error(stderr);
};

/** Applies what is shipped, of the permissions only what these groups and choices need. */
export const applyShipped = async (cluster: Cluster, { groups, choices = [] }: Granted): Promise<void> => {
  const components = ["manager", ...(hasWebhook(groups) ? ["webhook"] : []), ...groups];
  await apply(cluster, "-f", path("crd"));
  await apply(
    cluster,
    "-f",
    path("manifests/rbac.yaml"),
    "-l",
    `app.kubernetes.io/component in (${components.join(", ")})`,
  );
  const files = choices.map((choice) => path(`manifests/podlogreader/${settingsTable[choice].flag}.yaml`));
  if (files.length > 0) await apply(cluster, ...files.flatMap((file) => ["-f", file]));
  await Promise.all(
    ["podconfigmapconfigs.podconfig.example.com", "watchers.watch.example.com"].map(established(cluster)),
  );
};

const established = (cluster: Cluster) => (definition: string) =>
  cluster.kubectl(["wait", "--for=condition=Established", `crd/${definition}`, "--timeout=30s"]);

const hasWebhook = (groups: readonly Group[]): boolean => groups.some((group) => group !== "podlogreader");

/**
 * The shipped webhooks, for an API server without a network of Services: the Service stands for this machine, and what calls it
 * uses the port of a manager here. Names in certificates are those of the Service.
 */
const applyWebhooks = async (cluster: Cluster, port: number): Promise<void> => {
  const shipped = parseAllDocuments(await readFile(path("manifests/webhooks.yaml"), "utf8"));
  const objects = shipped.map((document): Shipped => document.toJS());
  const changed = objects.map(({ webhooks, ...object }) =>
    webhooks === undefined
      ? { ...object, spec: { type: "ExternalName", externalName: "localhost" } }
      : { ...object, webhooks: webhooks.map((webhook) => calledOn(port, webhook)) },
  );
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: changed });
  const { exitCode, stderr } = await cluster.kubectl([...SERVER_SIDE, "-f", "-"], { input });
  if (exitCode !== 0) throw new Error(stderr);
};

interface Webhook {
  readonly clientConfig: { readonly service: object };
}

/** What of an object in manifests/webhooks.yaml is looked at. */
interface Shipped {
  readonly webhooks?: readonly Webhook[];
}

const calledOn = (port: number, { clientConfig, ...webhook }: Webhook): Webhook => ({
  ...webhook,
  clientConfig: { ...clientConfig, service: { ...clientConfig.service, port } },
});

/** The ServiceAccount's identity, from outside the cluster: it has what the manifests give it, and nothing else. */
export class GrantedIdentity {
  readonly kubeconfig: string;
  readonly client: AdminClient;
  readonly #cluster: Cluster;

  private constructor(cluster: Cluster, { kubeconfig, ...keys }: Awaited<ReturnType<Cluster["addUser"]>>) {
    this.#cluster = cluster;
    this.kubeconfig = kubeconfig;
    this.client = new AdminClient({ server: cluster.server, caPem: cluster.caPem, ...keys });
  }

  static async of(cluster: Cluster): Promise<GrantedIdentity> {
    return new GrantedIdentity(cluster, await cluster.addUser({ name: IDENTITY }));
  }

  /** A manager of this identity, with webhooks where its controllers have some. */
  async start({ groups, choices = [] }: Granted, env: Readonly<Record<string, string>> = {}): Promise<ManagerProcess> {
    const port = await freePort();
    if (hasWebhook(groups)) await applyWebhooks(this.#cluster, port);
    return ManagerProcess.start(
      {
        KUBECONFIG: this.kubeconfig,
        POD_NAMESPACE: "default",
        WEBHOOK_ENABLED: "true",
        WEBHOOK_ADDR: `:${port}`,
        ...env,
      },
      [`--controllers=${groups.join(",")}`, ...choices.map((choice) => `--${settingsTable[choice].flag}`)],
    );
  }

  /** All its requests so far. */
  async requests(): Promise<AuditEvent[]> {
    return (await this.#cluster.auditEvents()).filter(({ user }) => user.username === IDENTITY);
  }

  /** Those that were answered with 403, as `verb resource URI`. */
  async forbidden(): Promise<string[]> {
    const refused = (await this.requests()).filter(({ responseStatus }) => responseStatus?.code === 403);
    return [...new Set(refused.map((event) => `${event.verb} ${resourceOf(event)} ${event.requestURI}`))];
  }
}

const resourceOf = ({ objectRef: { resource = "", subresource } = {} }: AuditEvent): string =>
  subresource === undefined ? resource : `${resource}/${subresource}`;

/** What requests made use of, in the same words. */
export const usedBy = (requests: readonly AuditEvent[]): Set<string> =>
  new Set(
    requests.map((event) => {
      const group = event.objectRef?.apiGroup;
      return `${event.verb} ${resourceOf(event)}${group === undefined ? "" : `.${group}`}`;
    }),
  );
