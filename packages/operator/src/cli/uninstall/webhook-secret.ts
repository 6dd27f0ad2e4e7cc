import { type Certificate, certificatesIn } from "@pcmc/controller-runtime";
import type { Secret } from "kubernetes-types/core/v1.d.ts";
import { NAME } from "../../rbac/names.ts";

/** What the manager writes there. Others may have put something beside it, which stays when the manager writes. */
const FIELDS: ReadonlySet<string> = new Set(["tls.crt", "tls.key", "ca.crt", "ca.key"]);

/**
 * Whether the manager filled the Secret of the webhooks' certificates, and nobody else: it holds CAs that bear our name, their keys
 * and what they sign, and nothing beside. One that was emptied or damaged says nothing.
 */
export const isOwnSecret = ({ type, data = {} }: Pick<Secret, "type" | "data">): boolean => {
  const authorities = certificatesIn(Buffer.from(data["ca.crt"] ?? "", "base64").toString("utf8"));
  return (
    type === "kubernetes.io/tls" &&
    Object.keys(data).every((field) => FIELDS.has(field)) &&
    data["ca.key"] !== undefined &&
    authorities.length > 0 &&
    authorities.every(isOwnAuthority)
  );
};

const isOwnAuthority = ({ x509 }: Certificate): boolean => x509.ca && x509.subject.split("\n").includes(`O=${NAME}`);
