import { type Clock, describe, type ForbiddenError, type Logger, type Random } from "@pcmc/controller-runtime";
import { spread } from "./spread.ts";

/** What is done to an object, in the words of RBAC. */
export type Verb = "create" | "update" | "delete";

export interface PermissionsOptions {
  readonly clock: Clock;
  readonly random: Random;
}

/** What is written to, and where: permission is given by namespace. */
export interface Written {
  /** Its plural, with the subresource where there is one: `podconfigmapconfigs/status`. */
  readonly resource: string;
  readonly namespace: string;
}

/** Milliseconds between two tries of one key: the first, and the slow cap of the backoff. */
const FIRST = 1_000;
const CAP = 30_000;

/**
 * The permissions that writes were refused for. RBAC is granted from outside: it is waited for, and told once however many
 * objects are concerned.
 */
export class Permissions {
  readonly #options: PermissionsOptions;
  /** When each was first found missing. */
  readonly #missing = new Map<string, number>();

  constructor(options: PermissionsOptions) {
    this.#options = options;
  }

  /**
   * The API server refused a write.
   *
   * @returns milliseconds to wait: as long as the permission has been missing already, from a second up to the slow cap. So
   *   the waits of each key double, as a backoff's do. `undefined` where it is not RBAC that refuses.
   */
  onMissing(error: ForbiddenError, written: Written, log: Logger): number | undefined {
    if (!isRbac(error)) return undefined;
    const { clock, random } = this.#options;
    const verb = verbOf(error);
    const key = keyOf(verb, written);
    const { resource, namespace } = written;
    const since = this.#missing.get(key) ?? clock.now();
    if (!this.#missing.has(key)) {
      this.#missing.set(key, since);
      log.error(`not allowed to ${verb} ${resource}: grant "${verb}"; waiting for it`, {
        namespace,
        cause: describe(error),
      });
    }
    const wait = Math.min(Math.max(clock.now() - since, FIRST), CAP);
    return spread(wait, random);
  }

  /** The API server has let a write pass. */
  onGranted(verb: Verb, written: Written, log: Logger): void {
    const { resource, namespace } = written;
    if (this.#missing.size === 0 || !this.#missing.delete(keyOf(verb, written))) return;
    log.info(`allowed to ${verb} ${resource} again`, { namespace });
  }
}

const keyOf = (verb: Verb, { resource, namespace }: Written): string => `${verb} ${resource} ${namespace}`;

/** The words of Kubernetes' RBAC authorizer; other plugins refuse with a 403 too, and granting would not help there. */
const isRbac = ({ message }: ForbiddenError): boolean => /cannot \w+ resource/.test(message);

/** From `METHOD /path`: a recreation is a delete and a create. */
const verbOf = ({ request }: ForbiddenError): Verb => {
  if (request.startsWith("POST ")) return "create";
  return request.startsWith("DELETE ") ? "delete" : "update";
};
