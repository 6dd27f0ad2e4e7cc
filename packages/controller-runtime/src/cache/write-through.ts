import type { CallOptions, Client, DeleteOptions } from "../client/client.ts";
import type { Identity } from "../decode/decoder.ts";
import { NotFoundError } from "../errors.ts";
import { type KubernetesObject, keyOf, parseKey, type Stored } from "../object.ts";
import type { Informer } from "./informer.ts";

/**
 * Writes whose outcome the informer knows at once, before the watch tells it: reading your own writes.
 *
 * @example
 * const writer = writeThrough(client, configMaps);
 * await writer.create(configMap, { signal });
 * configMaps.get(keyOf(configMap)); // is there
 */
export interface WriteThrough<T extends KubernetesObject> {
  create(object: KubernetesObject, options?: CallOptions): Promise<Stored<T>>;
  /** Replaces `object`, only if it still has its `metadata.resourceVersion`. */
  update(object: KubernetesObject, options?: CallOptions): Promise<Stored<T>>;
  /** Replaces the status, only if the object still has its `metadata.resourceVersion`. */
  updateStatus(object: KubernetesObject, options?: CallOptions): Promise<Stored<T>>;
  /** Deletes exactly the incarnation and state of `object`; if it is gone already, that is as well. */
  delete(object: Stored<T>, options?: Omit<DeleteOptions, "preconditions">): Promise<void>;
}

/** Writes through `client`, and tells `informer`. What is sent is whole; what comes back is the projection, typed as `T`. */
export const writeThrough = <T extends KubernetesObject>(client: Client, informer: Informer<T>): WriteThrough<T> => {
  const { resource } = informer;
  const known = (identity: Identity) => informer.known(identity);
  // Taken before the call: while it is under way, more may be asked for than its answer is decoded with.
  const calling = (options: CallOptions = {}) => ({ ...options, project: informer.projection, known });
  const replacing = async (
    object: KubernetesObject,
    options: CallOptions | undefined,
    verb: "update" | "updateStatus",
  ) => {
    const call = calling(options);
    const base = object.metadata?.resourceVersion;
    using _write = informer.beginWrite(keyOf(object));
    const written = await client[verb](resource, object as T, call);
    informer.noteWritten(written, { base, projection: call.project });
    return written;
  };
  return {
    create: async (object, options) => {
      const call = calling(options);
      using _write = informer.beginWrite(keyOf(object));
      const written = await client.create(resource, object as T, call);
      informer.noteWritten(written, { projection: call.project });
      return written;
    },
    update: (object, options) => replacing(object, options, "update"),
    updateStatus: (object, options) => replacing(object, options, "updateStatus"),
    delete: async (object, options) => {
      const call = calling(options);
      const { uid, resourceVersion } = object.metadata;
      const preconditions = { uid, resourceVersion };
      using _write = informer.beginWrite(keyOf(object));
      const remaining = await client
        .delete(resource, parseKey(keyOf(object)), { ...call, preconditions })
        // Gone is gone: it went while the call, or its first try, was under way.
        .catch((error: unknown) => {
          if (error instanceof NotFoundError) return undefined;
          throw error;
        });
      if (remaining === undefined) informer.noteDeleted(object);
      else informer.noteWritten(remaining, { base: resourceVersion, projection: call.project });
    },
  };
};
