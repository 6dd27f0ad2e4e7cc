import { describe } from "@pcmc/controller-runtime";
import { namesText } from "../../access/names-text.ts";
import { judgeRules, type RulesJudgement } from "../../access/rules-review.ts";
import { type DeploymentPods, readDeployment } from "../deployment/read-deployment.ts";
import type { Session } from "../deployment/session.ts";
import { type Beside, readBeside } from "./read-beside.ts";
import { reviewToken } from "./review-token.ts";

/** A token, and what it is for. */
export interface TokenCheck {
  readonly token: string;
  /** ServiceAccount and Role. */
  readonly account: string;
  /** The Deployment and the Pods whose logs it should read, as they were before it was made. */
  readonly found: DeploymentPods;
}

/** What there is to say of a token, a line each. */
export interface Findings {
  /** What is not as it should be, or could not be looked at. */
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Finds out whether a token does what it is for and no more. In its namespace, and in every namespace at once, the API server
 * itself says so, to the token; of single other namespaces it takes the right to list RoleBindings.
 *
 * Throws nothing: the token is made, and whoever asked for it is to have it.
 */
export const checkToken = async (session: Session, check: TokenCheck): Promise<Findings> => {
  const { namespace } = session;
  const { account, found } = check;
  const [{ reviews, missed: unreviewed }, beside] = await Promise.all([
    reviewToken(session, check.token),
    readBeside(session, account),
  ]);
  const missed = [...unreviewed, ...beside.missed];
  if (reviews === undefined) return { warnings: [...mayAllow(namespace, beside), ...missed], notes: [] };
  // After the review: a Role that is a little behind is to be held against the Pods of its time, and not of ours.
  const again = await readAgain(session, found);
  const judgement = judgeRules(reviews, { current: again.pods, exists: (pod) => again.existing.has(pod) });
  const before = new Set(found.pods);
  const unreadable = judgement.unreadable.filter((pod) => before.has(pod));
  return {
    warnings: [
      ...more(namespace, judgement, beside),
      ...less({ unreadable, isAll: judgement.unreadable.length === again.pods.length, account }),
      ...missed,
      ...again.missed,
    ],
    notes: goneNotes(judgement),
  };
};

const readAgain = async (
  { client, namespace }: Session,
  found: DeploymentPods,
): Promise<DeploymentPods & Pick<Beside, "missed">> => {
  try {
    const { name } = found.deployment.metadata;
    return { ...(await readDeployment(client, { namespace, name })), missed: [] };
  } catch (error) {
    return { ...found, missed: [`could not see whether the Pods are still the same: ${describe(error)}`] };
  }
};

const more = (
  namespace: string,
  { surplus, everywhere }: RulesJudgement,
  { here, ofCluster, elsewhere }: Beside,
): readonly string[] => {
  const [causes, ofAll] = [here.join(", "), ofCluster.join(", ")];
  const lines: string[] = [];
  if (surplus.length > 0) {
    const what = `the token allows more in namespace ${namespace} than to read these logs: ${surplus.join("; ")}`;
    lines.push(causes === "" ? what : `${what}; through ${causes}`);
  }
  if (everywhere.length > 0) {
    const what = `the token allows more in every namespace: ${everywhere.join("; ")}`;
    lines.push(ofAll === "" ? what : `${what}; through ${ofAll}`);
  } else if (ofAll !== "") {
    lines.push(`the token gets, in every namespace, what is allowed through ${ofAll}: nothing more is known now`);
  }
  if (elsewhere.length > 0) lines.push(`the token allows more in other namespaces: through ${elsewhere.join(", ")}`);
  return lines;
};

/** What can be said where the API server does not say what is allowed. */
const mayAllow = (namespace: string, { here, ofCluster, elsewhere }: Beside): readonly string[] =>
  [
    { where: `namespace ${namespace}`, bindings: here },
    { where: "every namespace", bindings: ofCluster },
    { where: "other namespaces", bindings: elsewhere },
  ].flatMap(({ where, bindings }) =>
    bindings.length === 0 ? [] : [`the token may allow more in ${where}: through ${bindings.join(", ")}`],
  );

interface Less {
  readonly unreadable: readonly string[];
  /** Whether none of the Pods can be read. */
  readonly isAll: boolean;
  readonly account: string;
}

const less = ({ unreadable, isAll, account }: Less): readonly string[] => {
  if (unreadable.length === 0) return [];
  const what = `the token cannot read the logs of ${namesText(unreadable)}`;
  if (isAll) return [`${what}: see whether Role and RoleBinding ${account} are there`];
  return [`${what} yet: podlogreader takes Pods that are new into the Role within seconds`];
};

const goneNotes = ({ gone }: RulesJudgement): readonly string[] =>
  gone.length === 0 ? [] : [`the token may still read the logs of Pods that are gone: ${namesText(gone)}`];
