import {
  type AbortSource,
  type Client,
  ConfigMaps,
  defineResource,
  type KubernetesObject,
  NotFoundError,
  type ObjectKey,
  type ObjectMeta,
  type Projection,
  type Stored,
} from "@pcmc/controller-runtime";

/** A ConfigMap of which only a digest of the data is kept: 10,000 of them must not fill the memory. */
export interface DigestedConfigMap extends KubernetesObject {
  data?: string;
  binaryData?: string;
  immutable?: boolean;
}

/** ConfigMaps as the cache has them. */
export const DigestedConfigMaps = defineResource<DigestedConfigMap>(ConfigMaps);

/** Metadata is whole: an update is made of it. */
export const configMapFields: Projection = { metadata: true, data: "digest", binaryData: "digest", immutable: true };

/**
 * A ConfigMap as the cache holds it. `metadata` must be whole but for managedFields: an update is made of it, and what it does
 * not hold, such as finalizers, would be taken off the object.
 */
export interface ExistingConfigMap {
  readonly metadata: ObjectMeta & { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  /** `digestOf(data)`; `undefined` where there is no data. */
  readonly dataDigest: string | undefined;
  /** `digestOf(binaryData)`; `undefined` where there is none. */
  readonly binaryDataDigest: string | undefined;
  readonly immutable: boolean;
}

/** What the pure functions see of a cached ConfigMap. */
export const configMapViewOf = ({
  metadata,
  data,
  binaryData,
  immutable,
}: Stored<DigestedConfigMap>): ExistingConfigMap => ({
  metadata,
  dataDigest: data,
  binaryDataDigest: binaryData,
  immutable: immutable === true,
});

/** A ConfigMap as the API server has it, which the cache may not show: without our label, or sooner; `undefined` = none. */
export const readConfigMap = async (
  client: Pick<Client, "get">,
  key: ObjectKey,
  signal: AbortSource,
): Promise<ExistingConfigMap | undefined> => {
  try {
    return configMapViewOf(await client.get(DigestedConfigMaps, key, { project: configMapFields, signal }));
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
};
