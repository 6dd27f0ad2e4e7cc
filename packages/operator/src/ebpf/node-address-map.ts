import { BpfMap } from "@pcmc/libbpf";
import { parseAddress } from "./address.ts";
import { MAP_SHAPES } from "./layout.ts";
import { otherLayout } from "./layout-check.ts";
import { openPinnedMap } from "./pinned-object.ts";

const PIN = "addresses";
const PRESENT = Buffer.of(1);

/**
 * The node's addresses, for the firewalls of all its Pods: one map, which programs of an earlier agent look into as well. Pinned
 * in the node's folder, so that a change that comes after a restart reaches them too.
 */
export class NodeAddressMap implements Disposable {
  readonly map: BpfMap;

  /**
   * Opens the map that is pinned in the folder, or makes it.
   *
   * @throws EbpfError where an agent with another layout has pinned it.
   */
  constructor(node: string) {
    const path = `${node}/${PIN}`;
    this.map = open(path) ?? create(path);
  }

  /**
   * Makes the map hold these and no others: new ones first, so an address that stays is never away.
   *
   * @throws RangeError for what is no address; what the kernel says.
   */
  set(addresses: readonly string[]): void {
    const wanted = addresses.map((address) => Buffer.from(parseAddress(address)));
    const before = [...this.map.keys()];
    const has = (keys: readonly Buffer[], key: Buffer) => keys.some((other) => other.equals(key));
    for (const key of wanted) if (!has(before, key)) this.map.update(key, PRESENT);
    for (const key of before) if (!has(wanted, key)) this.map.delete(key);
  }

  [Symbol.dispose](): void {
    this.map[Symbol.dispose]();
  }
}

const open = (path: string): BpfMap | undefined => {
  using stack = new DisposableStack();
  const map = openPinnedMap(path);
  if (map === undefined) return undefined;
  stack.use(map);
  const { type, keySize, valueSize } = MAP_SHAPES.nodeAddresses;
  if (map.type !== type || map.keySize !== keySize || map.valueSize !== valueSize)
    throw otherLayout(path, "another form");
  stack.move();
  return map;
};

const create = (pin: string): BpfMap => {
  using stack = new DisposableStack();
  const map = stack.use(BpfMap.create({ ...MAP_SHAPES.nodeAddresses, name: "pcmc_addresses" }));
  map.pin(pin);
  stack.move();
  return map;
};
