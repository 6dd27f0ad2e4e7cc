import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/** A certificate that could be parsed. */
export interface Certificate {
  /** SHA-256 of its bytes, hexadecimal: what tells two certificates apart. */
  readonly id: string;
  /** PEM, ended by a line feed. */
  readonly pem: string;
  /** Milliseconds of the wall clock. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly x509: X509Certificate;
}

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
const KEY_BLOCK = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g;

/** The certificates in a PEM text, each once, in their order. What is none is passed over, as Go's `AppendCertsFromPEM` does. */
export const certificatesIn = (pem: string): Certificate[] => {
  const found = new Map<string, Certificate>();
  for (const [block] of pem.matchAll(BLOCK)) {
    const certificate = parse(block);
    if (certificate !== undefined) found.set(certificate.id, certificate);
  }
  return [...found.values()];
};

/** The private keys in a PEM text. What is none, or is locked by a passphrase, is passed over. */
export const privateKeysIn = (pem: string): { readonly pem: string; readonly key: KeyObject }[] =>
  [...pem.matchAll(KEY_BLOCK)].flatMap(([block]) => {
    try {
      return [{ pem: `${block}\n`, key: createPrivateKey(block) }];
    } catch {
      return [];
    }
  });

/** Whether `authority` is a CA certificate that has signed `leaf`. Says nothing of times. */
export const isSignedBy = (leaf: Certificate, authority: Certificate): boolean => {
  const { x509 } = authority;
  return x509.ca && leaf.x509.checkIssued(x509) && leaf.x509.verify(x509.publicKey);
};

/** The host names and IP addresses that a certificate is for. */
export const namesOf = ({ x509 }: Certificate): string[] =>
  (x509.subjectAltName ?? "").split(", ").flatMap((entry) => {
    const [kind, name] = splitOnce(entry, ":");
    if (kind === "DNS") return [name];
    return kind === "IP Address" ? [name] : [];
  });

/** Whether a client that asks for `name`, a host name or an IP address, accepts the certificate for it. */
export const isFor = ({ x509 }: Certificate, name: string): boolean =>
  (isIP(name) === 0 ? x509.checkHost(name, { subject: "never" }) : x509.checkIP(name)) !== undefined;

/** The organisation of a certificate's subject. */
export const organizationOf = ({ x509 }: Certificate): string | undefined =>
  x509.subject
    .split("\n")
    .map((line) => splitOnce(line, "="))
    .find(([name]) => name === "O")?.[1];

const parse = (pem: string): Certificate | undefined => {
  try {
    const x509 = new X509Certificate(pem);
    return {
      id: createHash("sha256").update(x509.raw).digest("hex"),
      pem: `${pem}\n`,
      notBefore: Date.parse(x509.validFrom),
      notAfter: Date.parse(x509.validTo),
      x509,
    };
  } catch {
    return undefined;
  }
};

const splitOnce = (text: string, separator: string): [string, string] => {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
};
