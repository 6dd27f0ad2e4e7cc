/** A range of IPv4 addresses: the first one as a number, and how many bits of it are fixed. */
export interface Range {
  readonly first: number;
  readonly bits: number;
}

/** A range that this machine has a route to. */
export interface UsedRange extends Range {
  /** Another real node has it. */
  readonly isNode: boolean;
}

/** Addresses of one family, IPv4 or IPv6. */
interface FamilyPlan {
  /** This machine's end of the link. */
  readonly host: string;
  /** The node's end of the link, its InternalIP. */
  readonly node: string;
  /** Bits of the network that both ends share. */
  readonly linkBits: number;
  readonly pods: string;
  readonly services: string;
}

/** The addresses of one real node, those of IPv4 first. All are local to this machine. The API server has IPv4 only. */
export interface AddressPlan extends FamilyPlan {
  /** Address of the Service `kubernetes`: the first one. */
  readonly kubernetesService: string;
  /** Those of IPv6, with which the node is dual-stack; undefined where this machine has IPv6 off. */
  readonly v6: FamilyPlan | undefined;
}

/**
 * Spaces that are routed nowhere, the first choice first: the one for tests of network devices (RFC 2544), and the one
 * that providers share (RFC 6598), of which Tailscale takes all: it drops what comes from there by other devices.
 */
const SPACES: readonly Range[] = [
  { first: toNumber("198.18.0.0"), bits: 15 },
  { first: toNumber("100.64.0.0"), bits: 10 },
];

/** A quarter for the link, one for the Pods, one for the Services, one for later. */
const BLOCK_BITS = 22;

/** The addresses of a block, with those of IPv6 below a prefix of 48 bits such as `fd12:3456:789a`. */
export const addressPlan = ({ first }: Range, prefix?: string): AddressPlan => {
  const quarter = 2 ** (30 - BLOCK_BITS);
  return {
    host: toText(first + 1),
    node: toText(first + 2),
    linkBits: 30,
    pods: `${toText(first + quarter)}/24`,
    services: `${toText(first + 2 * quarter)}/24`,
    kubernetesService: toText(first + 2 * quarter + 1),
    v6: prefix === undefined ? undefined : ipv6Plan(prefix),
  };
};

/** IPv4, and IPv6 where there is any: in the order in which all of Kubernetes names them. */
export const familiesOf = (plan: AddressPlan): readonly FamilyPlan[] => (plan.v6 ? [plan, plan.v6] : [plan]);

/** One setting for both, as the flags of a dual-stack cluster have it: IPv4 first, then a comma. */
export const perFamily = (plan: AddressPlan, of: (family: FamilyPlan) => string): string =>
  familiesOf(plan).map(of).join(",");

/** The API server takes no more than 20 bits of addresses for Services. */
const ipv6Plan = (prefix: string): FamilyPlan => ({
  host: `${prefix}::1`,
  node: `${prefix}::2`,
  linkBits: 64,
  pods: `${prefix}:1::/64`,
  services: `${prefix}:2::/112`,
});

/**
 * A prefix of 48 bits for local use. 40 of them are random, which is how RFC 4193 has them be unique without anybody
 * to ask. No group is 0, so that the addresses read as everybody else writes them: RFC 5952 leaves zeros out.
 *
 * @param random - gives numbers from 0 to below 1
 */
export const localPrefix = (random: () => number): string => {
  const group = () => (1 + Math.floor(random() * 0xffff)).toString(16);
  const first = 0xfd00 + Math.floor(random() * 0x100);
  return `${first.toString(16)}:${group()}:${group()}`;
};

/**
 * A block that overlaps nothing in use: in the first space of which nobody but real nodes uses a part, or else in the
 * first that has one. The search starts at a random block, so that two who search at once seldom find the same.
 *
 * @throws when there is none.
 */
export const freeBlock = (used: readonly UsedRange[], random: () => number): Range => {
  const strangers = used.filter(({ isNode }) => !isNode);
  const untouched = SPACES.filter((space) => !strangers.some((range) => overlap(range, space)));
  for (const space of [...untouched, ...SPACES]) {
    const block = freeBlockIn(space, used, random());
    if (block) return block;
  }
  const names = SPACES.map(nameOf).join(" and ");
  throw new Error(`no block of addresses is free in ${names}: \`ip route show table all\` says what uses them`);
};

const freeBlockIn = (space: Range, used: readonly Range[], start: number): Range | undefined => {
  const blocks = 2 ** (BLOCK_BITS - space.bits);
  for (let tried = 0; tried < blocks; tried++) {
    const index = (Math.floor(start * blocks) + tried) % blocks;
    const block = { first: space.first + index * 2 ** (32 - BLOCK_BITS), bits: BLOCK_BITS };
    if (!used.some((range) => overlap(range, block))) return block;
  }
  return undefined;
};

/** What a user should know of a block that is not of the first choice. */
export const secondChoice = (block: Range): string | undefined => {
  const [first] = SPACES;
  if (first === undefined || overlap(first, block)) return undefined;
  return `this machine has routes into ${nameOf(first)}: the node has addresses of ${nameOf(block)}`;
};

/** `10.1.0.0/16`, or an address alone; undefined for what is no IPv4 range, such as `default`. */
export const parseRange = (text: string): Range | undefined => {
  const found = /^(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?$/.exec(text);
  if (!found?.[1]) return undefined;
  return { first: toNumber(found[1]), bits: Number(found[2] ?? 32) };
};

const overlap = (one: Range, other: Range): boolean => {
  const size = 2 ** (32 - Math.min(one.bits, other.bits));
  return Math.floor(one.first / size) === Math.floor(other.first / size);
};

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

const toText = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

const nameOf = ({ first, bits }: Range): string => `${toText(first)}/${bits}`;
