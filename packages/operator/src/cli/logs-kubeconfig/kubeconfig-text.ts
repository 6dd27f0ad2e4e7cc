import type { TlsMaterial } from "@pcmc/controller-runtime";
import { stringify } from "yaml";

/** What a kubeconfig with a token is made of. */
export interface TokenKubeconfig {
  readonly server: string;
  readonly tls: Pick<TlsMaterial, "ca" | "servername" | "rejectUnauthorized">;
  readonly namespace: string;
  readonly token: string;
  /** Of the user in the file. */
  readonly user: string;
}

const CLUSTER = "cluster";

/** A kubeconfig whose one context speaks to a server as the owner of a token, and trusts it as we do. */
export const kubeconfigText = ({ server, tls, namespace, token, user }: TokenKubeconfig): string => {
  const { ca, servername, rejectUnauthorized } = tls;
  const cluster = {
    server,
    ...(ca !== undefined && { "certificate-authority-data": Buffer.from(ca).toString("base64") }),
    ...(!rejectUnauthorized && { "insecure-skip-tls-verify": true }),
    ...(servername !== undefined && { "tls-server-name": servername }),
  };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: CLUSTER, cluster }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: user, context: { cluster: CLUSTER, user, namespace } }],
    "current-context": user,
  };
  return stringify(config, { lineWidth: 0 });
};
