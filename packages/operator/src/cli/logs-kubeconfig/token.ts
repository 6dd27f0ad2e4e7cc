import { type Client, NotFoundError } from "@pcmc/controller-runtime";
import { AFFILIATE } from "../../podlogreader/names.ts";
import { CALL } from "../deployment/session.ts";

/** A ServiceAccount's token. */
export interface Token {
  readonly token: string;
  /** When the API server stops to accept it, which need not be when it was asked to. */
  readonly expires: Date;
  /** Seconds for which it was made; undefined where it does not say. */
  readonly lifetime: number | undefined;
}

/** Whose token, and for how long. */
export interface TokenWish {
  readonly namespace: string;
  readonly account: string;
  /** Seconds. */
  readonly ttl: number;
}

/**
 * Asks for a token (TokenRequest) for the API server itself. It ends with its ServiceAccount, if not before.
 *
 * @returns undefined where there is no such ServiceAccount.
 */
export const requestToken = async (client: Client, wish: TokenWish): Promise<Token | undefined> => {
  const { namespace, account, ttl } = wish;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(account)}/token`;
  const spec = { audiences: [], expirationSeconds: ttl };
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
  try {
    const { token, expirationTimestamp } = statusOf(await client.raw("POST", path, { ...CALL, body }));
    const { exp, lifetime } = timesOf(token);
    return { token, expires: exp ?? new Date(expirationTimestamp), lifetime };
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
};

/** What to do where `requestToken` finds no ServiceAccount. */
export const missingAccount = (deployment: string, { namespace, account }: TokenWish): string =>
  `there is no ServiceAccount ${account} in namespace ${namespace}: label the Pod template of Deployment ${deployment} with ` +
  `${AFFILIATE.label}=${AFFILIATE.value} and run the manager with --create-sa-and-rolebinding, or make the ServiceAccount and a ` +
  `RoleBinding that gives it the Role ${account}`;

const statusOf = (answer: unknown): { readonly token: string; readonly expirationTimestamp: string } => {
  const { token, expirationTimestamp } = fieldsOf(fieldsOf(answer).status);
  if (typeof token === "string" && typeof expirationTimestamp === "string") return { token, expirationTimestamp };
  throw new Error("the API server answered the TokenRequest without a token");
};

/**
 * What a token itself says of its time (`exp` and `iat` of RFC 7519, section 4.1). The answer to a TokenRequest says what was
 * asked for, even where the API server extends the token (`--service-account-extend-token-expiration`).
 *
 * @returns nothing for a token in another form.
 */
export const timesOf = (token: string): { readonly exp?: Date; readonly lifetime?: number } => {
  try {
    const { exp, iat } = fieldsOf(JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")));
    if (typeof exp !== "number") return {};
    return { exp: new Date(exp * 1_000), ...(typeof iat === "number" && { lifetime: exp - iat }) };
  } catch {
    return {};
  }
};

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {};
