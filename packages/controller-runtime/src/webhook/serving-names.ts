/** How the API server reaches the webhooks. */
export type WebhookAddress =
  | {
      /** The Service in front of the replicas. */
      readonly service: {
        readonly namespace: string;
        readonly name: string;
        readonly clusterDomain?: string | undefined;
      };
    }
  | {
      /** Outside a cluster: `https://127.0.0.1:9443`. A path is put behind it. */
      readonly url: string;
    };

const CLUSTER_DOMAIN = "cluster.local";

/**
 * The names that a serving certificate has to be for. For a Service the API server asks for `NAME.NAMESPACE.svc`
 * (https://pkg.go.dev/k8s.io/apiserver/pkg/util/webhook#ClientManager); the others are for whoever tries it by hand.
 *
 * @throws TypeError when the URL is none that the API server would take: it has to be https.
 */
export const servingNames = (address: WebhookAddress): readonly string[] => {
  if ("service" in address) {
    const { namespace, name, clusterDomain = CLUSTER_DOMAIN } = address.service;
    return [`${name}.${namespace}.svc`, `${name}.${namespace}.svc.${clusterDomain}`, `${name}.${namespace}`];
  }
  const url = URL.parse(address.url);
  if (url?.protocol !== "https:") throw new TypeError(`${address.url} is not an https URL`);
  const { hostname } = url;
  return [hostname.startsWith("[") ? hostname.slice(1, -1) : hostname];
};
