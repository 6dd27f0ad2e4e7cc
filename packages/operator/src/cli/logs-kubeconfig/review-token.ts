import { Client, type ClusterConfig, defineResource, describe } from "@pcmc/controller-runtime";
import type { SelfSubjectRulesReview, SubjectRulesReviewStatus } from "kubernetes-types/authorization/v1.d.ts";
import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import { type AllowedRules, gapOf, type Reviews } from "../../access/rules-review.ts";
import { CALL, type Session, USER_AGENT } from "../deployment/session.ts";

const SelfSubjectRulesReviews = defineResource<SelfSubjectRulesReview>({
  apiVersion: "authorization.k8s.io/v1",
  kind: "SelfSubjectRulesReview",
  plural: "selfsubjectrulesreviews",
  namespaced: false,
});

/**
 * No namespace can have this name, so that no RoleBinding is in it: what is allowed there is what ClusterRoleBindings allow
 * everywhere. A review of no namespace at all is refused.
 * Source: pkg/registry/authorization/selfsubjectrulesreview/rest.go of https://github.com/kubernetes/kubernetes
 */
const NOWHERE = "-";

/** What the API server says to a token. */
export interface TokenReview {
  /** Undefined where it did not say. */
  readonly reviews: Reviews | undefined;
  /** What could not be found out, a line each. */
  readonly missed: readonly string[];
}

/** Asks the API server, as the owner of a token, what the token allows. */
export const reviewToken = async ({ namespace, config }: Session, token: string): Promise<TokenReview> => {
  const client = new Client(withToken(config, token), { userAgent: USER_AGENT });
  const review = async (where: string): Promise<SubjectRulesReviewStatus> => {
    const { status } = await client.create(SelfSubjectRulesReviews, { spec: { namespace: where } }, CALL);
    return status ?? { incomplete: true, resourceRules: [], nonResourceRules: [] };
  };
  try {
    const [here, everywhere] = await Promise.all([review(namespace), review(NOWHERE)]);
    const gaps = new Set([here, everywhere].flatMap((status) => gapOf(status) ?? []));
    const missed = [...gaps].map((gap) => `not all that the token allows could be listed: ${gap}`);
    return { reviews: { here: rulesOf(here), everywhere: rulesOf(everywhere) }, missed };
  } catch (error) {
    return { reviews: undefined, missed: [`could not see what else the token allows: ${describe(error)}`] };
  } finally {
    await client.close();
  }
};

/** Empty lists come as null. */
const rulesOf = ({ resourceRules, nonResourceRules }: SubjectRulesReviewStatus): AllowedRules => ({
  // The boundary: a ResourceRule has the fields of RBAC's, of which the types leave two out.
  resourceRules: (resourceRules ?? []) as PolicyRule[],
  nonResourceRules: nonResourceRules ?? [],
});

/** The same server, as the owner of a token. */
const withToken = (config: ClusterConfig, token: string): ClusterConfig => ({
  server: config.server,
  namespace: config.namespace,
  source: config.source,
  tls: () => {
    const { cert: _cert, key: _key, ...tls } = config.tls();
    return tls;
  },
  onTlsChange: () => () => {},
  authorization: () => `Bearer ${token}`,
  refresh: async () => false,
  close: () => {},
});
