import { createPrivateKey, X509Certificate } from "node:crypto";

const BEGIN = "-----BEGIN CERTIFICATE-----";
const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** A client certificate (with its chain) and the private key that belongs to it; PEM text. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/**
 * Checks that `text` holds certificates, all of them whole: a file that is being written ends in the middle of one.
 *
 * @returns `text`
 * @throws Error that names `source`.
 */
export const checkedCertificates = (text: string, source: string): string => {
  const blocks = text.match(BLOCK) ?? [];
  if (blocks.length === 0) throw new Error(`${source} holds no PEM certificate`);
  if (blocks.length !== text.split(BEGIN).length - 1) throw new Error(`${source} ends within a certificate`);
  for (const block of blocks) parseCertificate(block, source);
  return text;
};

/**
 * Checks that a certificate and a private key belong together. Two files cannot be replaced in one step, so this is
 * what tells the moment between the two writes.
 *
 * @throws Error that names `source`, and never quotes the key.
 */
export const checkedKeyPair = (pair: KeyPair, source: string): KeyPair => {
  checkedCertificates(pair.cert, source);
  // The first certificate is the client's own, the others are its chain.
  const leaf = parseCertificate(pair.cert, source);
  if (!leaf.checkPrivateKey(parseKey(pair.key, source))) {
    throw new Error(`${source}: the private key does not belong to the certificate`);
  }
  return pair;
};

const parseCertificate = (pem: string, source: string) => {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new Error(`${source} holds a certificate that cannot be parsed`);
  }
};

const parseKey = (pem: string, source: string) => {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error(`${source}: the private key cannot be parsed (PEM without a passphrase is needed)`);
  }
};
