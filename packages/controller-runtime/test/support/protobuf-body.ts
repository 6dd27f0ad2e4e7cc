import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import type { ObjectMeta, OwnerReference } from "kubernetes-types/meta/v1.d.ts";
import type { KubernetesObject } from "../../src/object.ts";

/** The fields that are written; an object with any other goes out as JSON. */
const METADATA = new Set(["name", "namespace", "uid", "resourceVersion", "labels", "annotations", "ownerReferences"]);
const FIELDS = new Set(["apiVersion", "kind", "metadata", "data"]);

/** A plain ConfigMap as the API server would send it as protobuf; `undefined` for everything else. */
export const protobufBody = (object: KubernetesObject): Buffer | undefined => {
  if (object.apiVersion !== "v1" || object.kind !== "ConfigMap") return undefined;
  const { metadata = {} } = object;
  const isPlain = hasOnly(object, FIELDS) && hasOnly(metadata, METADATA);
  return isPlain ? envelope(new Writer().message(1, metaOf(metadata)).map(2, (object as ConfigMap).data)) : undefined;
};

const hasOnly = (object: object, names: ReadonlySet<string>): boolean =>
  Object.entries(object).every(([name, value]) => value === undefined || names.has(name));

/** `k8s\0`, then a `runtime.Unknown` with the type and the message. */
const envelope = (raw: Writer): Buffer =>
  Buffer.concat([
    MAGIC,
    new Writer().message(1, new Writer().text(1, "v1").text(2, "ConfigMap")).message(2, raw).bytes(),
  ]);

const MAGIC = Buffer.from("k8s\0");

const metaOf = ({
  name,
  namespace,
  uid,
  resourceVersion,
  labels,
  annotations,
  ownerReferences,
}: ObjectMeta): Writer => {
  const writer = new Writer().text(1, name).text(3, namespace).text(5, uid).text(6, resourceVersion);
  writer.map(11, labels).map(12, annotations);
  for (const owner of ownerReferences ?? []) writer.message(13, ownerOf(owner));
  return writer;
};

const ownerOf = ({ apiVersion, kind, name, uid, controller, blockOwnerDeletion }: OwnerReference): Writer =>
  new Writer()
    .text(1, kind)
    .text(3, name)
    .text(4, uid)
    .text(5, apiVersion)
    .flag(6, controller)
    .flag(7, blockOwnerDeletion);

/** Collects the fields of one message. Numbers of fields are below 16, so that a tag is one byte. */
class Writer {
  readonly #parts: (string | Buffer)[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  text(field: number, value: string | undefined): this {
    if (value === undefined) return this;
    const size = Buffer.byteLength(value);
    return this.#head(field, size).#add(value, size);
  }

  flag(field: number, value: boolean | undefined): this {
    return value === undefined ? this : this.#add(Buffer.from([field << 3, value ? 1 : 0]), 2);
  }

  message(field: number, inner: Writer): this {
    this.#head(field, inner.length);
    for (const part of inner.#parts) this.#parts.push(part);
    this.#length += inner.length;
    return this;
  }

  map(field: number, entries: Readonly<Record<string, string>> | undefined): this {
    for (const [key, value] of Object.entries(entries ?? {}))
      this.message(field, new Writer().text(1, key).text(2, value));
    return this;
  }

  bytes(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#length);
    let at = 0;
    for (const part of this.#parts) at += typeof part === "string" ? bytes.write(part, at) : part.copy(bytes, at);
    return bytes;
  }

  #head(field: number, size: number): this {
    const head = [(field << 3) | 2];
    let rest = size;
    while (rest >= 0x80) {
      head.push((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    head.push(rest);
    return this.#add(Buffer.from(head), head.length);
  }

  #add(part: string | Buffer, size: number): this {
    this.#parts.push(part);
    this.#length += size;
    return this;
  }
}
