import type { NonResourceRule } from "kubernetes-types/authorization/v1.d.ts";
import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import { namesText } from "./names-text.ts";
import { namesOf, READ_LOG, unionOf } from "./rule.ts";
import { compareTexts } from "./subject.ts";

/** What an API server says that somebody may do in a namespace (SelfSubjectRulesReview). */
export interface AllowedRules {
  readonly resourceRules: readonly PolicyRule[];
  readonly nonResourceRules: readonly NonResourceRule[];
}

/** What somebody may do in one namespace, and what in every other too. */
export interface Reviews {
  readonly here: AllowedRules;
  readonly everywhere: AllowedRules;
}

/** The Pods of a namespace. */
export interface ReviewedPods {
  /** Those whose logs are to be read. */
  readonly current: readonly string[];
  /** Whether there is a Pod of this name, whosever it is. */
  readonly exists: (name: string) => boolean;
}

/** How that compares with reading the logs of certain Pods, and nothing else. */
export interface RulesJudgement {
  /** What else is allowed in the namespace, a line for each rule: `get,list secrets`. */
  readonly surplus: readonly string[];
  /** What is allowed in every namespace, in the same form, where it is not what every ServiceAccount may do. */
  readonly everywhere: readonly string[];
  /** Those of the Pods whose logs cannot be read. */
  readonly unreadable: readonly string[];
  /** Pods that may be read and are not there: podlogreader takes such names out within seconds. */
  readonly gone: readonly string[];
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

/** Judges what somebody may do who should read the logs of Pods, and nothing else. */
export const judgeRules = ({ here, everywhere }: Reviews, { current, exists }: ReviewedPods): RulesJudgement => {
  const ours = new Set(current);
  const meant: Meant = { isListed: true, isRead: (name) => ours.has(name) || !exists(name) };
  const readable = unionOf(here.resourceRules.flatMap((rule) => namesOf(rule, READ_LOG) ?? []));
  const reading = here.resourceRules.flatMap(readNames);
  return {
    surplus: surplusOf(without(here, everywhere), meant),
    everywhere: surplusOf(everywhere, NOTHING_MEANT),
    unreadable: readable === "every" ? [] : current.filter((pod) => !readable.has(pod)),
    gone: [...new Set(reading)].filter((name) => !ours.has(name) && !exists(name)).sort(compareTexts),
  };
};

/** Why a review is not the whole truth; undefined where it is, as far as the API server knows. */
export const gapOf = ({ incomplete, evaluationError = "" }: ReviewGaps): string | undefined => {
  if (evaluationError !== "") return evaluationError;
  return incomplete ? "the API server gives no reason" : undefined;
};

/** What a review says of itself. */
export interface ReviewGaps {
  readonly incomplete: boolean;
  readonly evaluationError?: string;
}

/** What is no surplus, besides what everybody may do. */
interface Meant {
  /** Whether Pods may be listed. */
  readonly isListed: boolean;
  /** Whether the Pod of a name may be read, and its log. */
  readonly isRead: (name: string) => boolean;
}

const NOTHING_MEANT: Meant = { isListed: false, isRead: () => false };

/** The rules of a namespace that are not those of every namespace, which its review has too. */
const without = (here: AllowedRules, everywhere: AllowedRules): AllowedRules => {
  const known = new Set(
    [...everywhere.resourceRules, ...everywhere.nonResourceRules].map((rule) => JSON.stringify(rule)),
  );
  const isOwn = (rule: PolicyRule | NonResourceRule): boolean => !known.has(JSON.stringify(rule));
  return { resourceRules: here.resourceRules.filter(isOwn), nonResourceRules: here.nonResourceRules.filter(isOwn) };
};

const surplusOf = ({ resourceRules, nonResourceRules }: AllowedRules, meant: Meant): readonly string[] => {
  const lines = [
    ...resourceRules.flatMap((rule) => surplusOfRule(rule, meant)),
    ...nonResourceRules.flatMap(surplusUrls),
  ];
  return [...new Set(lines)].sort(compareTexts);
};

const surplusOfRule = (rule: PolicyRule, { isListed, isRead }: Meant): readonly string[] => {
  const { resourceNames = [] } = rule;
  const others = resourceNames.filter((name) => !isRead(name));
  const isReading = resourceNames.length > 0 && others.length === 0;
  const isMore = (what: string): boolean =>
    !(what === LISTING && isListed) && !BASIC.has(what) && !(isReading && READING.has(what));
  return targetsOf(rule).flatMap((target) => {
    const verbs = rule.verbs.filter((verb) => isMore(`${verb} ${target}`));
    if (verbs.length === 0) return [];
    const names = verbs.every((verb) => READING.has(`${verb} ${target}`)) ? others : resourceNames;
    return [`${verbs.join(",")} ${target}${names.length === 0 ? "" : ` (${namesText(names)})`}`];
  });
};

/** The names by which a rule lets read something of Pods. */
const readNames = (rule: PolicyRule): readonly string[] => {
  const isOfPods = targetsOf(rule).some((target) => rule.verbs.some((verb) => READING.has(`${verb} ${target}`)));
  return isOfPods ? (rule.resourceNames ?? []) : [];
};

const targetsOf = ({ apiGroups = [], resources = [] }: PolicyRule): readonly string[] =>
  apiGroups.flatMap((group) => resources.map((resource) => (group === "" ? resource : `${resource}.${group}`)));

const surplusUrls = ({ nonResourceURLs = [], verbs }: NonResourceRule): readonly string[] => {
  const onlyGet = verbs.every((verb) => verb === "get");
  const more = nonResourceURLs.filter((url) => !onlyGet || !BASIC_URL.test(url));
  return more.map((url) => `${verbs.join(",")} ${url}`);
};
