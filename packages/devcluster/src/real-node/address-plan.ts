/** A range of IPv4 addresses: the first one as a number, and how many bits of it are fixed. */
export interface Range {
  readonly first: number;
  readonly bits: number;
}

/** The addresses of one real node. All are local to this machine. */
export interface AddressPlan {
  /** This machine's end of the link: where the API server listens. */
  readonly host: string;
  /** The node's end of the link, its InternalIP. */
  readonly node: string;
  /** Bits of the network that both ends share. */
  readonly linkBits: number;
  readonly pods: string;
  readonly services: string;
  /** Address of the Service `kubernetes`: the first one. */
  readonly kubernetesService: string;
}

/** Shared address space (RFC 6598): routed nowhere, and seldom used on a machine. */
const SPACE: Range = { first: toNumber("100.64.0.0"), bits: 10 };

/** A quarter for the link, one for the Pods, one for the Services, one for later. */
const BLOCK_BITS = 22;

/** How many nodes there is room for. */
export const BLOCKS = 2 ** (BLOCK_BITS - SPACE.bits);

/** The addresses of block `index`. */
export const addressPlan = (index: number): AddressPlan => {
  const { first } = blockRange(index);
  const quarter = 2 ** (30 - BLOCK_BITS);
  return {
    host: toText(first + 1),
    node: toText(first + 2),
    linkBits: 30,
    pods: `${toText(first + quarter)}/24`,
    services: `${toText(first + 2 * quarter)}/24`,
    kubernetesService: toText(first + 2 * quarter + 1),
  };
};

/** The first block from `start` on, going round, that overlaps none of `used`. @throws when there is none. */
export const freeBlock = (used: readonly Range[], start: number): number => {
  for (let tried = 0; tried < BLOCKS; tried++) {
    const index = (start + tried) % BLOCKS;
    if (!used.some((range) => overlap(range, blockRange(index)))) return index;
  }
  throw new Error("no block of addresses is free in 100.64.0.0/10: `ip route show table all` says what uses them");
};

/** `10.1.0.0/16`, or an address alone; undefined for what is no IPv4 range, such as `default`. */
export const parseRange = (text: string): Range | undefined => {
  const found = /^(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?$/.exec(text);
  if (!found?.[1]) return undefined;
  return { first: toNumber(found[1]), bits: Number(found[2] ?? 32) };
};

const blockRange = (index: number): Range => ({
  first: SPACE.first + index * 2 ** (32 - BLOCK_BITS),
  bits: BLOCK_BITS,
});

const overlap = (one: Range, other: Range): boolean => {
  const size = 2 ** (32 - Math.min(one.bits, other.bits));
  return Math.floor(one.first / size) === Math.floor(other.first / size);
};

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

const toText = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
