import {
  type Client,
  keyOf,
  type Lease,
  Leases,
  NotFoundError,
  type ObjectKey,
  Pods,
  type Stored,
  sleep,
} from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import { Deployments } from "../../podlogreader/sources.ts";
import { LABELS, NAME } from "../../rbac/names.ts";
import type { Installation } from "./installation.ts";
import { callOf, type Step, type StepContext, someOf } from "./step.ts";

/** Milliseconds between two looks. */
const INTERVAL = 500;
/** Of a Lease that does not say for how long it holds, milliseconds: the default of the setting. */
const LEASE_DURATION = 15_000;

const SELECTOR = Object.entries(LABELS)
  .map(([key, value]) => `${key}=${value}`)
  .join(",");

/**
 * Before anything is touched, makes sure that no manager leads which is not to be ended here, such as one outside of the cluster: it
 * would make again what is removed.
 */
export const leaderStep = ({ lock }: Pick<Installation, "lock">): Step => ({
  name: "leader",
  isRequired: "a manager that works would make again what is removed",
  run: async (context) => {
    const first = await holding(context, lock);
    if (first === undefined) return { said: "nobody holds the Lease" };
    const holder = first.spec?.holderIdentity ?? "";
    if (await isHere(context, first)) return { said: `${holder}, of ${context.namespace}` };
    if (context.mode === "look") return { said: "see who that is", notes: [`${holder} holds the Lease: ${ELSEWHERE}`] };
    await untilNobodyLeads(context, lock, (lease) => isHere(context, lease));
    return { said: "nobody renews the Lease" };
  },
});

const ELSEWHERE = "no Pod of ours there. If it still works, nothing is removed";

/** Whether a Pod of ours holds it. Without the variable POD_NAME a manager is named for its host, which can be the node. */
const isHere = async (context: StepContext, { spec }: Stored<Lease>): Promise<boolean> => {
  const { client, namespace } = context;
  const holder = spec?.holderIdentity?.split("_", 1)[0];
  const project = { spec: { nodeName: true } } as const;
  const { items } = await client.list(Pods, { namespace, labelSelector: SELECTOR, project, ...callOf(context) });
  return items.some((pod) => pod.metadata.name === holder || pod.spec?.nodeName === holder);
};

/**
 * Ends the manager, and waits until no other one leads, such as one that runs outside of the cluster: it would make again what is
 * removed.
 */
export const managerStep = ({ lock }: Pick<Installation, "lock">): Step => ({
  name: "manager",
  isRequired: "a manager that works would make again what is removed",
  run: async (context) => {
    const deployment = await read(context);
    if (context.mode === "look") {
      return {
        said: deployment === undefined ? "there is no Deployment of it" : `end Deployment ${keyOf(deployment)}`,
      };
    }
    if (deployment !== undefined) await end(context, deployment);
    await untilNobodyLeads(context, lock);
    return { said: deployment === undefined ? "none runs" : `ended (Deployment ${keyOf(deployment)})` };
  },
});

const orNone = async <T>(found: Promise<T>): Promise<T | undefined> => {
  try {
    return await found;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
};

const read = (context: StepContext): Promise<Stored<Deployment> | undefined> =>
  orNone(context.client.get(Deployments, { namespace: context.namespace, name: NAME }, callOf(context)));

/** In the foreground: the Deployment is gone when its Pods are. */
const end = async (context: StepContext, deployment: Stored<Deployment>): Promise<void> => {
  const { client, namespace, clock } = context;
  const preconditions = { uid: deployment.metadata.uid };
  const key = { namespace, name: deployment.metadata.name };
  await orNone(client.delete(Deployments, key, { preconditions, propagationPolicy: "Foreground", ...callOf(context) }));
  while ((await read(context))?.metadata.uid === deployment.metadata.uid) {
    await sleep(clock, INTERVAL);
    if (context.signal.aborted) throw new Error(await unended(client, namespace));
  }
};

const unended = async (client: Client, namespace: string): Promise<string> => {
  const { items } = await client.list(Pods, {
    namespace,
    labelSelector: SELECTOR,
    project: { spec: { nodeName: true } },
  });
  const pods = items.map(({ metadata, spec }) => `${metadata.name} on node ${spec?.nodeName ?? "(none)"}`);
  return `its Pods do not end: ${someOf(pods)}. They would make again what is removed: see to their nodes, and run it again`;
};

/**
 * Until nobody holds the Lease who is not let, or its holder has not renewed it for as long as it holds: clocks are not compared.
 *
 * @throws Error when somebody still renews it after the time that a holder has to do so.
 */
const untilNobodyLeads = async (
  context: StepContext,
  lock: ObjectKey,
  isLet: (lease: Stored<Lease>) => Promise<boolean> = async () => false,
): Promise<void> => {
  const first = await holding(context, lock);
  if (first === undefined) return;
  const { holderIdentity: holder = "", leaseDurationSeconds } = first.spec ?? {};
  const holds = leaseDurationSeconds === undefined ? LEASE_DURATION : leaseDurationSeconds * 1_000;
  const until = context.clock.now() + holds + INTERVAL;
  while (context.clock.now() < until) {
    await sleep(context.clock, INTERVAL);
    const now = await holding(context, lock);
    if (now === undefined || (await isLet(now))) return;
    if (now.spec?.renewTime !== first.spec?.renewTime) throw new Error(ledBy(now.spec?.holderIdentity ?? holder));
  }
};

const ledBy = (holder: string): string =>
  `a manager still works: ${holder} holds the Lease. It would make again what is removed: end it, and run this again`;

const holding = async (context: StepContext, lock: ObjectKey): Promise<Stored<Lease> | undefined> => {
  const lease = await orNone(context.client.get(Leases, lock, callOf(context)));
  return lease?.spec?.holderIdentity ? lease : undefined;
};
