import { Client, type ClusterConfig, defineResource, describe, ForbiddenError } from "@pcmc/controller-runtime";
import type { SelfSubjectRulesReview } from "kubernetes-types/authorization/v1.d.ts";
import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import { type FurtherBinding, furtherBindings } from "../../access/further-bindings.ts";
import { ClusterRoleBindings } from "../../access/resources.ts";
import { judgeRules } from "../../access/rules-review.ts";
import { RoleBindings } from "../../podlogreader/sources.ts";
import { CALL, type Session, USER_AGENT } from "../deployment/session.ts";

const SelfSubjectRulesReviews = defineResource<SelfSubjectRulesReview>({
  apiVersion: "authorization.k8s.io/v1",
  kind: "SelfSubjectRulesReview",
  plural: "selfsubjectrulesreviews",
  namespaced: false,
});

/** A token, and what it is for. */
export interface TokenCheck {
  readonly token: string;
  /** ServiceAccount and Role. */
  readonly account: string;
  /** Those whose logs it should read. */
  readonly pods: readonly string[];
}

/**
 * Finds out whether a token does what it is for and no more. In its namespace the API server itself says so, to the token; of
 * other namespaces it takes the right to list RoleBindings.
 *
 * @returns what is not as it should be, or could not be looked at, a line each.
 */
export const checkToken = async (session: Session, check: TokenCheck): Promise<readonly string[]> => {
  const { found, missed } = await readFurther(session, check);
  return [...(await judged(session, { ...check, bindings: found })), ...elsewhere(session, found), ...missed];
};

const judged = async (
  session: Session,
  { token, account, pods, bindings }: TokenCheck & { readonly bindings: readonly FurtherBinding[] },
): Promise<readonly string[]> => {
  const { namespace, config } = session;
  const client = new Client(withToken(config, token), { userAgent: USER_AGENT });
  try {
    const { status } = await client.create(SelfSubjectRulesReviews, { spec: { namespace } }, CALL);
    // The boundary: a ResourceRule has the fields of RBAC's, of which the types leave two out.
    const resourceRules = (status?.resourceRules ?? []) as PolicyRule[];
    const rules = { resourceRules, nonResourceRules: status?.nonResourceRules ?? [] };
    const { surplus, unreadable } = judgeRules(rules, pods);
    const here = bindings.filter((binding) => binding.namespace === namespace || binding.namespace === "");
    const cause = here.length === 0 ? "" : `; through ${here.map(({ text }) => text).join(", ")}`;
    const more = `the token allows more in namespace ${namespace} than to read these logs: ${surplus.join("; ")}${cause}`;
    const less = `the token cannot read the logs of ${unreadable.join(", ")}: see whether Role and RoleBinding ${account} are there`;
    return [...(surplus.length > 0 ? [more] : []), ...(unreadable.length > 0 ? [less] : [])];
  } catch (error) {
    return [`could not see what else the token allows: ${describe(error)}`];
  } finally {
    await client.close();
  }
};

const elsewhere = ({ namespace }: Session, bindings: readonly FurtherBinding[]): readonly string[] => {
  const others = bindings.filter((binding) => binding.namespace !== namespace && binding.namespace !== "");
  if (others.length === 0) return [];
  return [`the token allows more in other namespaces: through ${others.map(({ text }) => text).join(", ")}`];
};

interface ReadFurther {
  readonly found: readonly FurtherBinding[];
  readonly missed: readonly string[];
}

const readFurther = async ({ client, namespace }: Session, { account }: TokenCheck): Promise<ReadFurther> => {
  try {
    const [roleBindings, clusterRoleBindings] = await Promise.all([
      client.list(RoleBindings, CALL),
      client.list(ClusterRoleBindings, CALL),
    ]);
    const found = furtherBindings({
      subject: { kind: "ServiceAccount", namespace, name: account },
      role: account,
      roleBindings: roleBindings.items,
      clusterRoleBindings: clusterRoleBindings.items,
    });
    return { found, missed: [] };
  } catch (error) {
    if (!(error instanceof ForbiddenError)) throw error;
    const message = `could not see whether the token allows more in other namespaces: ${describe(error)}`;
    return { found: [], missed: [message] };
  }
};

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
