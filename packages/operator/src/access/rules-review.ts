import type { NonResourceRule } from "kubernetes-types/authorization/v1.d.ts";
import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import { namesOf, READ_LOG, unionOf } from "./rule.ts";
import { compareTexts } from "./subject.ts";

/** What an API server says that somebody may do in a namespace (SelfSubjectRulesReview). */
export interface AllowedRules {
  readonly resourceRules: readonly PolicyRule[];
  readonly nonResourceRules: readonly NonResourceRule[];
}

/** How that compares with reading the logs of certain Pods, and nothing else. */
export interface RulesJudgement {
  /** What else is allowed, a line for each rule: `get,list secrets`. */
  readonly surplus: readonly string[];
  /** Those of the Pods whose logs cannot be read. */
  readonly unreadable: readonly string[];
}

/**
 * What every ServiceAccount may do anyway: ask about itself, discover the API, see the certificates of its authorities.
 *
 * Source: ClusterRoles `system:basic-user`, `system:discovery`, `system:public-info-viewer`,
 * `system:service-account-issuer-discovery`, `system:cluster-trust-bundle-discovery`.
 */
const BASIC: ReadonlySet<string> = new Set([
  "create selfsubjectaccessreviews.authorization.k8s.io",
  "create selfsubjectrulesreviews.authorization.k8s.io",
  "create selfsubjectreviews.authentication.k8s.io",
  ...["get", "list", "watch"].map((verb) => `${verb} clustertrustbundles.certificates.k8s.io`),
]);
const BASIC_URL =
  /^\/(?:healthz|livez|readyz|version\/?|api|apis|openapi|(?:api|apis|openapi)\/[*]|[.]well-known\/openid-configuration\/?|openid\/v1\/jwks\/?)$/;

/** What the Role of podlogreader allows for the current Pods alone. */
const READING: ReadonlySet<string> = new Set(["get pods", "get pods/log", "list pods/log", "watch pods/log"]);
/** Cannot be limited to names. */
const LISTING = "list pods";

/** Judges what somebody may do who should read the logs of `pods`, and nothing else. */
export const judgeRules = (
  { resourceRules, nonResourceRules }: AllowedRules,
  pods: readonly string[],
): RulesJudgement => {
  const current = new Set(pods);
  const readable = unionOf(resourceRules.flatMap((rule) => namesOf(rule, READ_LOG) ?? []));
  const surplus = [
    ...resourceRules.flatMap((rule) => surplusOf(rule, current)),
    ...nonResourceRules.flatMap(surplusUrls),
  ];
  return {
    surplus: [...new Set(surplus)].sort(compareTexts),
    unreadable: readable === "every" ? [] : pods.filter((pod) => !readable.has(pod)),
  };
};

const surplusOf = (rule: PolicyRule, current: ReadonlySet<string>): readonly string[] => {
  const { resourceNames = [] } = rule;
  const ofCurrent = resourceNames.length > 0 && resourceNames.every((name) => current.has(name));
  const isMore = (what: string) => what !== LISTING && !BASIC.has(what) && !(ofCurrent && READING.has(what));
  const byResource = targetsOf(rule).flatMap((target) => {
    const verbs = rule.verbs.filter((verb) => isMore(`${verb} ${target}`));
    return verbs.length === 0 ? [] : [`${verbs.join(",")} ${target}`];
  });
  const others = resourceNames.filter((name) => !current.has(name));
  return byResource.map((text) => (others.length === 0 ? text : `${text} (${others.join(", ")})`));
};

const targetsOf = ({ apiGroups = [], resources = [] }: PolicyRule): readonly string[] =>
  apiGroups.flatMap((group) => resources.map((resource) => (group === "" ? resource : `${resource}.${group}`)));

const surplusUrls = ({ nonResourceURLs = [], verbs }: NonResourceRule): readonly string[] => {
  const onlyGet = verbs.every((verb) => verb === "get");
  const more = nonResourceURLs.filter((url) => !onlyGet || !BASIC_URL.test(url));
  return more.map((url) => `${verbs.join(",")} ${url}`);
};
