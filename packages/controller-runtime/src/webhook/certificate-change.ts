import { certificatesIn, namesOf } from "./certificate.ts";
import { createAuthority, issueLeaf, type Validity } from "./certificate-authority.ts";
import type { Authority, Holding, Leaf } from "./certificate-holding.ts";
import { type Change, type RotationPolicy, renewalTime } from "./certificate-rotation.ts";

export interface ChangeContext {
  readonly policy: RotationPolicy;
  /** Names that a leaf is for. */
  readonly names: readonly string[];
  /** Of the subjects of authorities. */
  readonly organization: string;
  /** The wall clock, milliseconds. */
  readonly now: number;
  /** What this replica serves, with the authorities that it came with. */
  readonly serving: Holding;
}

/** Makes what a change asks for. @returns what the Secret is to hold. */
export const carriedOut = async (change: Change, held: Holding, context: ChangeContext): Promise<Holding> => {
  switch (change.kind) {
    case "start": {
      const authority = await newAuthority(context);
      const leaf = await newLeaf(authority, held, context);
      return { leaf, authorities: [authority, ...held.authorities] };
    }
    case "restore":
      return restored(context.serving, held);
    case "add-authority":
      return { ...held, authorities: [await newAuthority(context), ...held.authorities] };
    case "issue-leaf": {
      const issuer = held.authorities.find(({ certificate }) => certificate.id === change.issuer);
      if (issuer === undefined) throw new Error(`there is no authority ${change.issuer}`);
      return { ...held, leaf: await newLeaf(issuer, held, context) };
    }
    case "drop-authorities": {
      const gone = new Set(change.authorities);
      return { ...held, authorities: held.authorities.filter(({ certificate }) => !gone.has(certificate.id)) };
    }
  }
};

const restored = (serving: Holding, held: Holding): Holding => {
  const known = new Set(serving.authorities.map(({ certificate }) => certificate.id));
  const others = held.authorities.filter(({ certificate }) => !known.has(certificate.id));
  return { leaf: serving.leaf, authorities: [...serving.authorities, ...others] };
};

const newAuthority = async ({ policy, organization, now }: ChangeContext): Promise<Authority> => {
  const pair = await createAuthority({ organization, ...validity(now, policy.authorityLife, policy) });
  return { certificate: only(pair.cert), key: pair.key };
};

const newLeaf = async (issuer: Authority, held: Holding, { policy, names, now }: ChangeContext): Promise<Leaf> => {
  const { certificate, key = "" } = issuer;
  const { notBefore, notAfter } = validity(now, policy.leafLife, policy);
  const pair = await issueLeaf({
    issuer: { cert: certificate.pem, key },
    names: leafNames(held, { names, now, policy }),
    notBefore: Math.max(notBefore, certificate.notBefore),
    notAfter: Math.min(notAfter, certificate.notAfter),
  });
  return { certificate: only(pair.cert), key: pair.key, authority: certificate.id };
};

/**
 * Replicas that want other names, in the middle of an update, would replace each other's leaf in turn. So a leaf that is
 * replaced before its time hands its names on; the next renewal is for our names alone.
 */
const leafNames = (
  { leaf }: Holding,
  { names, now, policy }: Pick<ChangeContext, "names" | "now" | "policy">,
): string[] => {
  if (leaf === undefined) return [...names];
  const isEarly = now < renewalTime(leaf.certificate, policy);
  return [...new Set(isEarly ? [...names, ...namesOf(leaf.certificate)] : names)];
};

const validity = (now: number, life: number, { backdate }: RotationPolicy): Validity => ({
  notBefore: now - backdate,
  notAfter: now + life,
});

const only = (pem: string) => {
  const [certificate] = certificatesIn(pem);
  if (certificate === undefined) throw new Error("a certificate of our own cannot be read");
  return certificate;
};
