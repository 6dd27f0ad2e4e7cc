import { Client, type ClusterConfig, clientMetrics, type Registry } from "@pcmc/controller-runtime";
import { agentClient } from "../agent/node-agent.ts";
import { version } from "../version.ts";

const USER_AGENT = `podconfigmap-controller/${version}`;
/** A renewal of the Lease must not wait behind 32 other requests: it and the Events have connections of their own. */
const OWN_CONNECTIONS = 2;
/** For the rights of authors, a few milliseconds each, and now and then a certificate. */
const WEBHOOK_CONNECTIONS = 8;

/** For the conditions of several Pods of the node at a time. */
const AGENT_CONNECTIONS = 4;

/** The clients of a manager: what must not wait behind one another has connections of its own. */
export class Clients implements AsyncDisposable {
  /** Of the controllers and their cache. */
  readonly work: Client;
  /** Of the Lease and the Events. */
  readonly own: Client;
  readonly webhooks: Client;
  /** Of the node's agent, where there is one: it owns fields of its own. */
  readonly agent: Client;

  /** @param options `workers`: reconciles under way at the most, each at one request. */
  constructor(config: ClusterConfig, { workers, registry }: { readonly workers: number; readonly registry: Registry }) {
    const observer = clientMetrics(registry);
    const client = (connections: number) => new Client(config, { userAgent: USER_AGENT, connections, observer });
    this.work = client(workers + 1);
    this.own = client(OWN_CONNECTIONS);
    this.webhooks = client(WEBHOOK_CONNECTIONS);
    this.agent = agentClient(config, { connections: AGENT_CONNECTIONS, observer });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.work, this.own, this.webhooks, this.agent].map((each) => each.close()));
  }
}
