import { type Client, Pods, type Projection } from "@pcmc/controller-runtime";
import type { LivePage, LivePod } from "../../ebpf/agent/live-page.ts";
import { CALL } from "../deployment/session.ts";
import type { Pages } from "./look.ts";

/** The name and UID of a Pod come with everything. */
const FIELDS: Projection = { spec: { nodeName: true } };

/** What the API server says of a Pod. */
interface Known {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly node: string | undefined;
}

/**
 * Which Pods are where. A Pod keeps its node for as long as it lives, so Pods are listed only when one is named that is not known.
 */
export class PodNodes {
  readonly #client: Client;
  readonly #namespace: string | undefined;
  #known: ReadonlyMap<string, Known> = new Map();

  /** @param namespace that counts; all where it is `undefined`. */
  constructor(client: Client, namespace: string | undefined) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /**
   * Leaves in each page the Pods of its node. A Pod of another node is a trouble; one that is of no node, or gone, is not.
   *
   * @throws what the client throws.
   */
  async own({ pages, troubles }: Pages, signal: AbortSignal): Promise<Pages> {
    const wanted = [...pages].map(([agent, page]) => ({ agent, page, pods: page.pods.filter(this.#counts) }));
    if (wanted.some(({ pods }) => pods.some((pod) => this.#nodeOf(pod) === undefined))) await this.#learn(signal);
    const ofNode = ({ node }: LivePage, pods: readonly LivePod[]) => pods.filter((pod) => this.#nodeOf(pod) === node);
    const foreign = wanted.flatMap(({ agent, page, pods }) => {
      const elsewhere = pods.filter((pod) => ![undefined, page.node].includes(this.#nodeOf(pod))).length;
      return elsewhere === 0 ? [] : [`${agent}: it tells of ${elsewhere} Pods of other nodes, which are left out`];
    });
    return {
      pages: new Map(wanted.map(({ agent, page, pods }) => [agent, { ...page, pods: ofNode(page, pods) }])),
      troubles: [...troubles, ...foreign],
    };
  }

  readonly #counts = ({ namespace }: LivePod): boolean =>
    this.#namespace === undefined || namespace === this.#namespace;

  /** Its node, if the Pod of this UID has this name. */
  #nodeOf({ uid, namespace, name }: LivePod): string | undefined {
    const known = this.#known.get(uid);
    return known?.namespace === namespace && known.name === name ? known.node : undefined;
  }

  async #learn(signal: AbortSignal): Promise<void> {
    const namespace = this.#namespace;
    const { items } = await this.#client.list(Pods, {
      ...CALL,
      signal,
      project: FIELDS,
      ...(namespace !== undefined && { namespace }),
    });
    this.#known = new Map(
      items.map(({ metadata: { uid, namespace, name }, spec }) => [uid, { namespace, name, node: spec?.nodeName }]),
    );
  }
}
