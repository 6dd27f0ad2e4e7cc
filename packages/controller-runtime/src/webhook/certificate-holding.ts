import type { Secret } from "kubernetes-types/core/v1.d.ts";
import { type Certificate, certificatesIn, isFor, isSignedBy, privateKeysIn } from "./certificate.ts";
import type { AuthorityFacts, HeldFacts, LeafFacts } from "./certificate-rotation.ts";

/** A CA certificate, with its private key (PEM) where that is at hand. */
export interface Authority {
  readonly certificate: Certificate;
  readonly key: string | undefined;
}

/** A serving certificate and its private key, PEM. */
export interface Leaf {
  readonly certificate: Certificate;
  readonly key: string;
  /** The id of the authority that has signed it. */
  readonly authority: string;
}

/** What is served, and what signs it. */
export interface Holding {
  readonly leaf: Leaf | undefined;
  /** The newest first. */
  readonly authorities: readonly Authority[];
}

export const NOTHING: Holding = { leaf: undefined, authorities: [] };

/**
 * Where a holding stands in a Secret of type `kubernetes.io/tls`, under the names that cert-manager uses too. `ca.crt` has
 * all authorities, `ca.key` the keys of those that still sign; which belongs to which, the keys tell.
 */
const FIELDS = { leaf: "tls.crt", leafKey: "tls.key", authorities: "ca.crt", authorityKeys: "ca.key" } as const;

/** The type of the Secret: tools that know certificates show and check it. */
export const SECRET_TYPE = "kubernetes.io/tls";

/** What of a Secret is whole and belongs together. Junk is none: whatever somebody wrote in there, this does not throw. */
export const holdingOf = ({ data = {} }: Pick<Secret, "data">): Holding => {
  const text = (field: string): string => {
    const encoded = data[field];
    return typeof encoded === "string" ? Buffer.from(encoded, "base64").toString("utf8") : "";
  };
  const keys = privateKeysIn(text(FIELDS.authorityKeys));
  const authorities = certificatesIn(text(FIELDS.authorities))
    .filter(({ x509 }) => x509.ca)
    .map((certificate) => ({
      certificate,
      // Others sign well too, but not by the algorithm that `issueLeaf` writes down.
      key: keys.find(({ key }) => key.asymmetricKeyType === "ec" && certificate.x509.checkPrivateKey(key))?.pem,
    }));
  const [certificate] = certificatesIn(text(FIELDS.leaf));
  const leafKey = privateKeysIn(text(FIELDS.leafKey)).find(({ key }) => certificate?.x509.checkPrivateKey(key));
  if (certificate === undefined || leafKey === undefined) return { leaf: undefined, authorities };
  const signer = authorities.find((authority) => isSignedBy(certificate, authority.certificate));
  const leaf = signer && { certificate, key: leafKey.pem, authority: signer.certificate.id };
  return { leaf, authorities };
};

/** The data of a Secret with this holding. What others have put beside it stays. */
export const secretDataOf = ({ leaf, authorities }: Holding, before: Secret["data"] = {}): Record<string, string> => ({
  ...before,
  [FIELDS.leaf]: encoded(leaf?.certificate.pem ?? ""),
  [FIELDS.leafKey]: encoded(leaf?.key ?? ""),
  [FIELDS.authorities]: encoded(bundleOf(authorities.map(({ certificate }) => certificate))),
  [FIELDS.authorityKeys]: encoded(authorities.map(({ key }) => key ?? "").join("")),
});

/** Certificates as one PEM text. */
export const bundleOf = (certificates: readonly Certificate[]): string => certificates.map(({ pem }) => pem).join("");

/** What rotation has to know of a holding. `names`: those that a leaf must be for. */
export const factsOf = ({ leaf, authorities }: Holding, names: readonly string[]): HeldFacts => ({
  leaf: leaf && leafFacts(leaf, names),
  authorities: authorities.map(authorityFacts),
});

export const leafFacts = ({ certificate, authority }: Leaf, names: readonly string[]): LeafFacts => {
  const { id, notBefore, notAfter } = certificate;
  return { id, notBefore, notAfter, authority, fits: names.every((name) => isFor(certificate, name)) };
};

const authorityFacts = ({ certificate: { id, notBefore, notAfter }, key }: Authority): AuthorityFacts => ({
  id,
  notBefore,
  notAfter,
  hasKey: key !== undefined,
});

const encoded = (text: string): string => Buffer.from(text).toString("base64");
