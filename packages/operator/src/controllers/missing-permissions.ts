import { type Clock, describe, type ForbiddenError, type Logger, type Random } from "@pcmc/controller-runtime";
import { spread } from "./spread.ts";

/** What is done to an object, in the words of RBAC. */
export type Verb = "get" | "create" | "update" | "patch" | "delete";

export interface MissingPermissionsOptions {
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
/** Without its ClusterRole every namespace refuses: so many are named, for each verb and resource. */
const NAMED = 5;

interface Missing {
  /** When it was first found missing. */
  readonly since: number;
  /** Whether the log names it. */
  readonly named: boolean;
}

/**
 * The permissions that writes were refused for. RBAC is granted from outside: it is waited for, and told once however many
 * objects are concerned.
 */
export class MissingPermissions {
  readonly #options: MissingPermissionsOptions;
  readonly #missing = new Map<string, Missing>();

  constructor(options: MissingPermissionsOptions) {
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
    let missing = this.#missing.get(key);
    if (missing === undefined) {
      missing = { since: clock.now(), named: this.#tell(error, { verb, ...written }, log) };
      this.#missing.set(key, missing);
    }
    const wait = Math.min(Math.max(clock.now() - missing.since, FIRST), CAP);
    return spread(wait, random);
  }

  /** A namespace is gone, and what was missing in it with it. */
  forgetNamespace(namespace: string): void {
    for (const key of this.#missing.keys()) if (key.endsWith(` ${namespace}`)) this.#missing.delete(key);
  }

  /** Whether any permission is missing, as far as has been seen. */
  get incomplete(): boolean {
    return this.#missing.size > 0;
  }

  /** The API server has let a write pass. */
  onGranted(verb: Verb, written: Written, log: Logger): void {
    const { resource, namespace } = written;
    if (this.#missing.size === 0) return;
    const key = keyOf(verb, written);
    const missing = this.#missing.get(key);
    if (!this.#missing.delete(key) || !missing?.named) return;
    log.info(`allowed to ${verb} ${resource} again`, { namespace });
  }

  /** Says what is missing. @returns whether the namespace was named. */
  #tell(error: ForbiddenError, { verb, resource, namespace }: Written & { readonly verb: Verb }, log: Logger): boolean {
    const prefix = keyOf(verb, { resource, namespace: "" });
    const others = [...this.#missing.keys()].filter((key) => key.startsWith(prefix)).length;
    const text = `not allowed to ${verb} ${resource}: grant "${verb}"; waiting for it`;
    if (others < NAMED) log.error(text, { namespace, cause: describe(error) });
    else if (others === NAMED) log.error(`${text}; the same in more namespaces, which are not named`);
    return others < NAMED;
  }
}

const keyOf = (verb: Verb, { resource, namespace }: Written): string => `${verb} ${resource} ${namespace}`;

/** The words of Kubernetes' RBAC authorizer; other plugins refuse with a 403 too, and granting would not help there. */
const isRbac = ({ message }: ForbiddenError): boolean => /cannot \w+ resource/.test(message);

/** From `METHOD /path`: a recreation is a delete and a create. */
const verbOf = ({ request }: ForbiddenError): Verb => VERBS[request.slice(0, request.indexOf(" "))] ?? "update";

const VERBS: Readonly<Record<string, Verb>> = { GET: "get", POST: "create", PATCH: "patch", DELETE: "delete" };
