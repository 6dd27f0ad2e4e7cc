import {
  ApiError,
  type CallOptions,
  describe,
  ForbiddenError,
  type KubernetesObject,
  NotFoundError,
  type ObjectKey,
  type Projection,
  type Resource,
  resourceName,
  type Stored,
} from "@pcmc/controller-runtime";
import type { ResourceAttributes } from "kubernetes-types/authorization/v1.d.ts";
import { SubjectAccessReviews } from "../../admission/access-reviews.ts";
import type { Session } from "../deployment/session.ts";
import { type BoundedAnswer, boundedAnswer, messageIn } from "../top/bounded-get.ts";
import { printable } from "../top/printable.ts";
import { Limit } from "./limit.ts";
import { SelfSubjectAccessReviews } from "./resources.ts";
import { type Seen, seen } from "./seen.ts";

/** Requests under way at a time: a doctor must not be a burden. */
const UNDER_WAY = 8;
/** Of one request, milliseconds. */
const TIMEOUT = 10_000;
/** Objects of one list at the most, in pages of 500. */
const MOST = 20_000;

/** A list, and whether it is all there is. */
export interface Listed<T> {
  readonly items: readonly T[];
  readonly complete: boolean;
}

export interface ListWish {
  /** All where it is absent. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly project?: Projection;
}

/** What somebody wants to do, and who. */
export interface Question {
  readonly user: string;
  readonly groups: readonly string[];
  readonly attributes: ResourceAttributes;
}

/** What the API server says to a write that is not carried out. */
export type DryRun = { readonly accepted: true } | { readonly accepted: false; readonly message: string };

/** Reads of one cluster, a few at a time, each bounded. What goes wrong is an answer too: none of these throws. */
export class Reader {
  readonly #session: Pick<Session, "client" | "config">;
  readonly #signal: AbortSignal;
  readonly #limit = new Limit(UNDER_WAY);

  /** @param signal ends everything when the time is up. */
  constructor(session: Pick<Session, "client" | "config">, signal: AbortSignal) {
    this.#session = session;
    this.#signal = signal;
  }

  /** One object; `undefined` where there is none, or no such kind. */
  get<T extends KubernetesObject>(resource: Resource<T>, key: ObjectKey): Promise<Seen<Stored<T> | undefined>> {
    const needs = `get ${resourceName(resource)}${placeText(resource.namespaced ? key.namespace : undefined)}`;
    return this.#read(needs, async () => {
      try {
        return await this.#session.client.get(resource, key, this.#call);
      } catch (error) {
        if (error instanceof NotFoundError) return undefined;
        throw error;
      }
    });
  }

  /** All objects, up to a bound; `undefined` where there is no such kind. */
  list<T extends KubernetesObject>(
    resource: Resource<T>,
    { namespace, ...wish }: ListWish = {},
  ): Promise<Seen<Listed<Stored<T>> | undefined>> {
    const needs = `list ${resourceName(resource)}${resource.namespaced ? placeText(namespace ?? "") : ""}`;
    return this.#read(needs, async () => {
      const items: Stored<T>[] = [];
      try {
        for await (const page of this.#session.client.pages(resource, { ...this.#call, ...wish, namespace })) {
          items.push(...page.items);
          if (page.continue !== undefined && items.length >= MOST) return { items, complete: false };
        }
      } catch (error) {
        if (error instanceof NotFoundError) return undefined;
        throw error;
      }
      return { items, complete: true };
    });
  }

  /**
   * The answer of any path of the API server, through a proxy of its own too.
   *
   * @param needs the rule that it takes.
   */
  ask(path: string, needs: string, accept?: string): Promise<Seen<BoundedAnswer>> {
    return this.#read(needs, async () => {
      const { config } = this.#session;
      const authorization = await config.authorization();
      const options = { signal: this.#signal, tls: config.tls(), authorization, accept };
      const answer = await boundedAnswer(new URL(`${config.server}${path}`), options);
      // What is behind a proxy may say 403 too; only the API server says so in a Status.
      if (answer.status === 403 && messageIn(answer.text) !== undefined) throw new Refused();
      return answer;
    });
  }

  /** Whether somebody may do something. */
  async mayOther({ user, groups, attributes }: Question): Promise<Seen<boolean>> {
    return await this.#read("create subjectaccessreviews.authorization.k8s.io", async () => {
      const spec = { user, groups: [...groups], resourceAttributes: attributes };
      const { status } = await this.#session.client.create(SubjectAccessReviews, { spec }, this.#call);
      return status?.allowed ?? false;
    });
  }

  /** Whether whoever asks may do something. */
  async may(attributes: ResourceAttributes): Promise<Seen<boolean>> {
    return await this.#read("create selfsubjectaccessreviews.authorization.k8s.io", async () => {
      const spec = { resourceAttributes: attributes };
      const { status } = await this.#session.client.create(SelfSubjectAccessReviews, { spec }, this.#call);
      return status?.allowed ?? false;
    });
  }

  /** Tries a creation: the API server asks admission, and stores nothing. */
  tryCreate<T extends KubernetesObject>(resource: Resource<T>, object: T): Promise<Seen<DryRun>> {
    const needs = `create ${resourceName(resource)}${placeText(object.metadata?.namespace)}`;
    return this.#read<DryRun>(needs, async () => {
      try {
        await this.#session.client.create(resource, object, { ...this.#call, dryRun: true });
        return { accepted: true };
      } catch (error) {
        // RBAC's refusal is about who asks, any other about the object.
        if (isRbac(error) || !(error instanceof ApiError)) throw error;
        return { accepted: false, message: describe(error) };
      }
    });
  }

  get #call(): CallOptions {
    return { signal: this.#signal, timeout: TIMEOUT, retries: 1 };
  }

  #read<T>(needs: string, read: () => Promise<T>): Promise<Seen<T>> {
    return this.#limit.run(async (): Promise<Seen<T>> => {
      try {
        this.#signal.throwIfAborted();
        return seen(await read());
      } catch (error) {
        if (error instanceof Refused || isRbac(error)) return { kind: "forbidden", needs };
        return { kind: "unread", why: printable(describe(error)) };
      }
    });
  }
}

/** The API server's authorizer has said no. */
class Refused extends Error {}

/** In the words of Kubernetes' authorizers; admission plugins refuse with a 403 too. */
const isRbac = (error: unknown): boolean =>
  error instanceof ForbiddenError && /cannot \w+ resource/.test(error.message);

const placeText = (namespace: string | undefined): string => {
  if (namespace === undefined) return "";
  return namespace === "" ? " in all namespaces" : ` in namespace ${namespace}`;
};
