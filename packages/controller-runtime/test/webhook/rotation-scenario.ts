import { type Cluster, freePort } from "@pcmc/devcluster";
import { Client } from "../../src/client/client.ts";
import { ConfigMaps, Secrets } from "../../src/resource.ts";
import { allow } from "../../src/webhook/admission-result.ts";
import { certificatesIn } from "../../src/webhook/certificate.ts";
import { registeredWith, ValidatingWebhookConfigurations } from "../../src/webhook/webhook-configuration.ts";
import { configOf } from "../client/cluster.ts";
import { WebhookReplica, webhookAt, whatItIsFor } from "./replica.ts";
import { ShiftedClock } from "./shifted-clock.ts";

const MINUTE = 60_000;
/** Leaves are due after 40 minutes, authorities after two hours; all are valid a day back, for the shifted clock is ahead. */
const POLICY = { leafLife: 60 * MINUTE, authorityLife: 180 * MINUTE, backdate: 1_440 * MINUTE, propagation: 1_000 };
const STEP = 41 * MINUTE;
const REPLICAS = 3;
/** Creates under way at a time. */
const WORKERS = 8;
const NAME = "rotation";
const NAMESPACE = "rotation";

export interface RotationReport {
  /** Admissions through all three webhooks. */
  readonly creates: number;
  readonly failures: readonly string[];
  /** Milliseconds of each create, in order. */
  readonly latencies: readonly number[];
  /** Certificates that were served, and authorities that were registered. */
  readonly leaves: number;
  readonly authorities: number;
  /** Certificates with which the API server opened no connection to one of the replicas, though it served them. */
  readonly unused: readonly string[];
  readonly seconds: number;
}

/**
 * Three replicas share a Secret. Every create of a ConfigMap is asked of all three, with `failurePolicy: Fail`, while leaves
 * and authorities are rotated `steps` times: every third time the authority too. In between the leader changes.
 */
export const rotateUnderLoad = async (cluster: Cluster, steps: number): Promise<RotationReport> => {
  const started = performance.now();
  await using scene = await openScene(cluster);
  const { client, clock, replicas } = scene;
  const leaves = new Set<string>();
  const authorities = new Set<string>();
  let held = await settled(scene, undefined);
  const load = startLoad(client);
  for (let step = 0; step <= steps; step++) {
    leaves.add(held.leaf);
    authorities.add(held.authority);
    // All three have been asked with the new certificate before the next comes.
    await until(() => unusedOf(replicas).length === 0, "each replica to be called with its new certificate");
    if (step === steps) break;
    if (step === Math.floor(steps / 2)) {
      await replicas[0]?.standBy();
      replicas[1]?.lead();
    }
    clock.shift(STEP);
    // The timers are of real time: a change of the configuration makes everybody look.
    await client.patch(ValidatingWebhookConfigurations, CONFIGURATION, annotated(step), { type: "merge" });
    held = await settled(scene, held.leaf);
  }
  const { latencies, failures } = await load.end();
  return {
    creates: latencies.length,
    failures,
    latencies,
    leaves: leaves.size,
    authorities: authorities.size,
    unused: unusedOf(replicas),
    seconds: (performance.now() - started) / 1_000,
  };
};

const CONFIGURATION = { namespace: "", name: NAME };
const annotated = (step: number) => ({ metadata: { annotations: { step: String(step) } } });

interface Scene extends AsyncDisposable {
  readonly client: Client;
  readonly clock: ShiftedClock;
  readonly replicas: readonly WebhookReplica[];
}

const openScene = async (cluster: Cluster): Promise<Scene> => {
  const client = new Client(configOf(cluster), { connections: WORKERS + 4 });
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: NAMESPACE } });
  const clock = new ShiftedClock();
  const ports = await Promise.all(Array.from({ length: REPLICAS }, () => freePort()));
  const webhooks = ports.map((port, i) =>
    webhookAt(`https://127.0.0.1:${port}/`, { name: `replica-${i}.test.example.com`, ...whatItIsFor(NAMESPACE) }),
  );
  const configurations = [{ kind: "ValidatingWebhookConfiguration", name: NAME, webhooks }] as const;
  const shared = { config: configOf(cluster), secret: NAME, policy: POLICY, clock, configurations };
  const routes = { "/": { handler: () => allow() } };
  const replicas = ports.map((port) => new WebhookReplica({ ...shared, port, routes }));
  replicas[0]?.lead();
  return {
    client,
    clock,
    replicas,
    async [Symbol.asyncDispose]() {
      await client.delete(ValidatingWebhookConfigurations, CONFIGURATION).catch(() => {});
      for (const replica of replicas) await replica[Symbol.asyncDispose]();
      await client.close();
    },
  };
};

interface Held {
  readonly leaf: string;
  readonly authority: string;
}

/** Waits until another leaf than `before` is served by all, and only one authority is left, everywhere. */
const settled = async ({ client, replicas }: Scene, before: string | undefined): Promise<Held> => {
  let held: Held | undefined;
  await until(async () => {
    const { data = {} } = await client.get(Secrets, { namespace: "default", name: NAME });
    const [leaf] = idsIn(data["tls.crt"]);
    const [authority, ...others] = idsIn(data["ca.crt"]);
    if (leaf === undefined || authority === undefined || leaf === before || others.length > 0) return false;
    held = { leaf, authority };
    const { webhooks = [] } = await client.get(ValidatingWebhookConfigurations, CONFIGURATION);
    const isRegistered = webhooks.every(
      (webhook) =>
        registeredWith(webhook)
          .map(({ id }) => id)
          .join() === authority,
    );
    return (
      isRegistered && replicas.every((replica) => replica.trouble === undefined && servedBy(replica).at(-1) === leaf)
    );
  }, "all replicas to serve the same new certificate");
  if (held === undefined) throw new Error("nothing is held");
  return held;
};

const idsIn = (encoded = ""): string[] => certificatesIn(Buffer.from(encoded, "base64").toString()).map(({ id }) => id);

/** The certificates that a replica has served, in order. */
const servedBy = ({ log }: WebhookReplica): string[] =>
  log.lines
    .filter(({ message }) => message === "serving a certificate")
    .map(({ fields }) => String(fields.certificate));

/** Certificates that were served for the last time without a connection. */
const unusedOf = (replicas: readonly WebhookReplica[]): string[] =>
  replicas.flatMap((replica, i) => {
    const used = replica.log.lines.filter(({ message }) => message === "a client has connected");
    const last = servedBy(replica).at(-1) ?? "";
    return used.some(({ fields }) => fields.certificate === last) ? [] : [`${last} of replica ${i}`];
  });

/** Creates ConfigMaps until it is ended. */
const startLoad = (client: Client) => {
  const latencies: number[] = [];
  const failures: string[] = [];
  let isOver = false;
  let next = 0;
  const work = async () => {
    while (!isOver) {
      const start = performance.now();
      const object = { metadata: { name: `load-${next++}`, namespace: NAMESPACE } };
      // Nothing is stored: admission is asked all the same, and etcd has little to do.
      await client
        .create(ConfigMaps, object, { dryRun: true, retries: 0 })
        .catch((error: unknown) => failures.push(String(error)));
      latencies.push(performance.now() - start);
    }
  };
  const working = Promise.all(Array.from({ length: WORKERS }, work));
  return {
    end: async () => {
      isOver = true;
      await working;
      return { latencies, failures };
    },
  };
};

const DEADLINE = 60_000;
const PAUSE = 50;

const until = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const end = performance.now() + DEADLINE;
  // What is read may not be there yet.
  while (!(await Promise.resolve(condition()).catch(() => false))) {
    if (performance.now() > end) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
};
