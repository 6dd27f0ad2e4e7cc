import {
  createHash,
  createPrivateKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";
import type { KeyPair } from "../config/pem.ts";
import {
  addressBytes,
  bitString,
  contentOf,
  elements,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
  yes,
} from "./der.ts";

/** From when until when a certificate holds; milliseconds of the wall clock, of which whole seconds count. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface NewAuthority extends Validity {
  /** Organisation, and beginning of the common name: how one's own are known again. */
  readonly organization: string;
}

export interface NewLeaf extends Validity {
  readonly issuer: KeyPair;
  /** Host names and IP addresses; the first is the common name too. */
  readonly names: readonly string[];
}

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;

/** Longest common name (RFC 5280, `ub-common-name`); names count by the SAN, this one is for people. */
const LONGEST_COMMON_NAME = 64;
const ALGORITHM = sequence(objectIdentifier(OID.ecdsaWithSha256));
const VERSION_3 = explicit(0, integer(2n));

const makeKeyPair = promisify(generateKeyPair);

/**
 * Makes a self-signed CA certificate and its key (ECDSA P-256), good for signing serving certificates and nothing else.
 * Two of them never have the same subject, so that one bundle can hold both.
 */
export const createAuthority = async ({ organization, ...validity }: NewAuthority): Promise<KeyPair> => {
  const keys = await newKeys();
  const mark = randomBytes(4).toString("hex");
  const subject = distinguishedName({ organization, commonName: `${organization} CA ${mark}` });
  const cert = certificate({
    ...validity,
    subject,
    issuer: { name: subject, key: keys.privateKey },
    publicKey: keys.publicKey,
    extensions: [
      extension(OID.basicConstraints, sequence(yes(), integer(0n)), "critical"),
      // keyCertSign and cRLSign.
      extension(OID.keyUsage, bitString(Buffer.of(0x06), 1), "critical"),
      extension(OID.subjectKeyIdentifier, octetString(keyIdentifier(keys.publicKey))),
    ],
  });
  return { cert, key: exportKey(keys.privateKey) };
};

/** Makes a serving certificate and its key (ECDSA P-256), signed by `issuer`. */
export const issueLeaf = async ({ issuer, names, ...validity }: NewLeaf): Promise<KeyPair> => {
  const keys = await newKeys();
  const authority = issuerParts(new X509Certificate(issuer.cert));
  const cert = certificate({
    ...validity,
    subject: distinguishedName({ commonName: (names[0] ?? "").slice(0, LONGEST_COMMON_NAME) }),
    issuer: { name: authority.name, key: createPrivateKey(issuer.key) },
    publicKey: keys.publicKey,
    extensions: [
      extension(OID.basicConstraints, sequence(), "critical"),
      // digitalSignature, all that TLS 1.2 and 1.3 need of an ECDSA key.
      extension(OID.keyUsage, bitString(Buffer.of(0x80), 7), "critical"),
      extension(OID.extendedKeyUsage, sequence(objectIdentifier(OID.serverAuth))),
      extension(OID.subjectKeyIdentifier, octetString(keyIdentifier(keys.publicKey))),
      extension(OID.authorityKeyIdentifier, sequence(implicit(0, authority.keyId))),
      extension(OID.subjectAltName, sequence(...names.map(generalName))),
    ],
  });
  return { cert, key: exportKey(keys.privateKey) };
};

interface Draft extends Validity {
  /** A distinguished name, DER. */
  readonly subject: Buffer;
  readonly issuer: { readonly name: Buffer; readonly key: KeyObject };
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

/** Signs a draft (RFC 5280, section 4.1). */
const certificate = ({ subject, issuer, publicKey, extensions, notBefore, notAfter }: Draft): string => {
  const body = sequence(
    VERSION_3,
    // A random serial number makes two certificates of one issuer differ; the first bit keeps it from being shorter.
    integer(BigInt(`0x${randomBytes(16).toString("hex")}`) | (1n << 126n)),
    ALGORITHM,
    issuer.name,
    sequence(time(new Date(notBefore)), time(new Date(notAfter))),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    explicit(3, sequence(...extensions)),
  );
  const signed = sequence(body, ALGORITHM, bitString(sign("sha256", body, issuer.key)));
  return new X509Certificate(signed).toString();
};

const newKeys = () => makeKeyPair("ec", { namedCurve: "P-256" });

const exportKey = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

/** RFC 7093, method 1, of the whole key info: any value will do that is the same on both sides. */
const keyIdentifier = (key: KeyObject): Buffer =>
  createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest()
    .subarray(0, 20);

const extension = (id: string, content: Buffer, critical?: "critical"): Buffer =>
  sequence(objectIdentifier(id), ...(critical === undefined ? [] : [yes()]), octetString(content));

const generalName = (name: string): Buffer =>
  isIP(name) === 0 ? implicit(2, Buffer.from(name)) : implicit(7, addressBytes(name));

interface Name {
  readonly organization?: string;
  readonly commonName: string;
}

const distinguishedName = ({ organization, commonName }: Name): Buffer => {
  const attribute = (id: string, text: string) => set(sequence(objectIdentifier(id), utf8String(text)));
  const first = organization === undefined ? [] : [attribute(OID.organization, organization)];
  return sequence(...first, attribute(OID.commonName, commonName));
};

/** What of an authority's certificate goes into what it signs; in its own bytes, which have to be the same there. */
const issuerParts = ({ raw, publicKey }: X509Certificate): { name: Buffer; keyId: Buffer } => {
  const [body = raw] = elements(raw);
  // version, serial number, algorithm, issuer, validity, subject, key, extensions
  const fields = elements(body);
  const [extensions = body] = elements(fields[7] ?? sequence());
  const id = objectIdentifier(OID.subjectKeyIdentifier);
  const own = elements(extensions).find((each) => elements(each)[0]?.equals(id));
  const wrapped = own === undefined ? undefined : elements(own).at(-1);
  const keyId = wrapped === undefined ? keyIdentifier(publicKey) : contentOf(contentOf(wrapped));
  return { name: fields[5] ?? sequence(), keyId };
};
