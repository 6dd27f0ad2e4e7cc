import type { CallOptions, Client, DeleteOptions } from "../client/client.ts";
import { keyOf, type KubernetesObject, parseKey, type Stored } from "../object.ts";
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
  create(object: T, options?: CallOptions): Promise<Stored<T>>;
  /** Replaces `object`, only if it still has its `metadata.resourceVersion`. */
  update(object: T, options?: CallOptions): Promise<Stored<T>>;
  /** Replaces the status, only if the object still has its `metadata.resourceVersion`. */
  updateStatus(object: T, options?: CallOptions): Promise<Stored<T>>;
  /** Deletes exactly the incarnation and state of `object`. */
  delete(object: Stored<T>, options?: Omit<DeleteOptions, "preconditions">): Promise<void>;
}

/** Writes through `client`, and tells `informer`. */
export const writeThrough = <T extends KubernetesObject>(client: Client, informer: Informer<T>): WriteThrough<T> => {
  const { resource } = informer;
  const noted = (object: Stored<T>): Stored<T> => {
    informer.noteWritten(object);
    return object;
  };
  const decoding = (options: CallOptions = {}) => ({ ...options, project: informer.projection });
  return {
    create: async (object, options) => noted(await client.create(resource, object, decoding(options))),
    update: async (object, options) => noted(await client.update(resource, object, decoding(options))),
    updateStatus: async (object, options) => noted(await client.updateStatus(resource, object, decoding(options))),
    delete: async (object, options) => {
      const { uid, resourceVersion } = object.metadata;
      const key = keyOf(object);
      const preconditions = { uid, resourceVersion };
      const remaining = await client.delete(resource, parseKey(key), { ...decoding(options), preconditions });
      if (remaining === undefined) informer.noteDeleted(key, uid);
      else informer.noteWritten(remaining);
    },
  };
};
