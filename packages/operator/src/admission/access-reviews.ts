import { hash } from "node:crypto";
import { type Client, type Clock, defineResource } from "@pcmc/controller-runtime";
import type { SubjectAccessReview, SubjectAccessReviewSpec } from "kubernetes-types/authorization/v1.d.ts";
import { FairLimit } from "./fair-limit.ts";

export const SubjectAccessReviews = defineResource<SubjectAccessReview>({
  apiVersion: "authorization.k8s.io/v1",
  kind: "SubjectAccessReview",
  plural: "subjectaccessreviews",
  namespaced: false,
});

/** Who sent a request, as the API server has authenticated it (`authentication.k8s.io/v1` UserInfo). */
export interface UserInfo {
  readonly username?: string | undefined;
  readonly uid?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** Something that RBAC allows or not. */
export interface Access {
  readonly namespace: string;
  readonly verb: string;
  /** `""` for the core group. */
  readonly group: string;
  readonly resource: string;
}

export interface AccessReviewsOptions {
  /** Not one that only a leader may write with: all replicas are asked. */
  readonly client: Pick<Client, "create">;
  readonly clock: Pick<Clock, "now">;
}

/** Milliseconds that an answer counts: a right that is given or taken is seen that much later. */
const LASTS = 5_000;
/** Milliseconds after which an answer in use is asked for again, so that nobody waits when its time is over. */
const RENEWED_AFTER = 3_000;
/** Answers that are kept at the most; an entry has some 200 bytes, and its key. */
const KEPT = 1_000;
/** Milliseconds for one question with its retry: what asks has to answer the API server in time itself. */
const TIMEOUT = 2_000;
/**
 * Questions under way at a time: an answer takes a few milliseconds. Whoever reaches our port decides how many are asked, under any
 * name, so they are bounded; and one user has less than half, so that others get theirs answered.
 */
const UNDER_WAY = { all: 20, perUser: 8, waiting: 200 };

interface Answer {
  /** A promise while the question is out. */
  allowed: boolean | Promise<boolean>;
  /** When it came; `undefined` while the question is out. */
  since: number | undefined;
  /** The answer to the same question, asked again. */
  next: Promise<boolean> | undefined;
}

/**
 * Asks the API server what a user may do. Answers are kept for five seconds, and asked for again before their end where they
 * are in use; a question that is out is not asked twice; failures are not kept. Of many questions at a time some wait.
 */
export class AccessReviews {
  readonly #options: AccessReviewsOptions;
  readonly #answers = new Map<string, Answer>();
  readonly #limit = new FairLimit(UNDER_WAY);

  constructor(options: AccessReviewsOptions) {
    this.#options = options;
  }

  /**
   * Whether `user` has `access`: a promise where that has to be asked.
   *
   * @throws what the client throws when the API server gives no answer; CrowdedError when too many questions wait.
   */
  allows(user: UserInfo, access: Access): boolean | Promise<boolean> {
    const spec = specOf(user, access);
    const key = keyOf(JSON.stringify(spec));
    const known = this.#answers.get(key);
    if (known === undefined) return this.#first(key, spec);
    if (known.since === undefined) return known.allowed;
    const age = this.#options.clock.now() - known.since;
    if (age < RENEWED_AFTER) return known.allowed;
    known.next ??= this.#renewed(key, spec, known);
    return age < LASTS ? known.allowed : known.next;
  }

  #first(key: string, spec: SubjectAccessReviewSpec): Promise<boolean> {
    const allowed = this.#ask(spec);
    const answer: Answer = { allowed, since: undefined, next: undefined };
    this.#keep(key, answer);
    allowed.then(
      (isAllowed) => {
        answer.allowed = isAllowed;
        answer.since = this.#options.clock.now();
      },
      () => {
        if (this.#answers.get(key) === answer) this.#answers.delete(key);
      },
    );
    return allowed;
  }

  /** Asks once more. Until then the answer of before is there; when that fails, the next to ask tries again. */
  #renewed(key: string, spec: SubjectAccessReviewSpec, before: Answer): Promise<boolean> {
    const allowed = this.#ask(spec);
    allowed.then(
      (isAllowed) => this.#keep(key, { allowed: isAllowed, since: this.#options.clock.now(), next: undefined }),
      () => {
        before.next = undefined;
      },
    );
    return allowed;
  }

  async #ask(spec: SubjectAccessReviewSpec): Promise<boolean> {
    const ask = () => this.#options.client.create(SubjectAccessReviews, { spec }, { timeout: TIMEOUT, retries: 1 });
    const { status } = await this.#limit.run(spec.user ?? "", ask);
    return status?.allowed ?? false;
  }

  #keep(key: string, answer: Answer): void {
    // At the end of the map: the oldest answer is the first.
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > KEPT && oldest !== undefined) this.#answers.delete(oldest);
  }
}

/** Characters of a question that is its own key. */
const LONGEST_KEY = 400;

/** A user can be in hundreds of groups: what is long is hashed. A question begins with `{`, and no hash does: the two never meet. */
const keyOf = (question: string): string =>
  question.length <= LONGEST_KEY ? question : hash("sha256", question, "base64");

const specOf = (
  { username, uid, groups, extra }: UserInfo,
  { namespace, verb, group, resource }: Access,
): SubjectAccessReviewSpec => ({
  resourceAttributes: { namespace, verb, group, resource },
  ...(username !== undefined && { user: username }),
  ...(uid !== undefined && { uid }),
  ...(groups !== undefined && { groups: [...groups] }),
  ...(extra !== undefined && {
    extra: Object.fromEntries(Object.entries(extra).map(([name, values]) => [name, [...values]])),
  }),
});
