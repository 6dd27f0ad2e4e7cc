import type { ResourceAttributes } from "kubernetes-types/authorization/v1.d.ts";
import type { AgentWorkload } from "./agents.ts";
import type { Operator } from "./operator.ts";
import { agentNeeds, type Need, needsOf, questionsOf, ruleText } from "./operator-needs.ts";
import type { Reader } from "./reader.ts";
import { type Seen, seen, unseen } from "./seen.ts";
import { selfNeeds } from "./self-needs.ts";
import { counted, failed, named, ok, type Verdict, warning } from "./verdict.ts";

/** Namespaces of WATCH_NAMESPACES that are asked about: each takes a hundred questions. */
const MOST_NAMESPACES = 20;

/** Rules of a need that are missing. */
export interface Answered {
  readonly account: string;
  readonly need: Need;
  readonly missing: Seen<readonly string[]>;
}

export interface PermissionFacts {
  readonly self: Seen<readonly string[]>;
  readonly accounts: readonly Answered[];
  /** Namespaces that were not asked about. */
  readonly leftOut: number;
}

export const readPermissions = async (
  reader: Reader,
  operator: Operator | undefined,
  agent: AgentWorkload | undefined,
): Promise<PermissionFacts> => {
  const watched = operator?.settings?.watchNamespaces ?? [];
  const watchedByAgents = agent?.watchNamespaces ?? [];
  const needs =
    operator?.settings === undefined ? [] : needsOf(operator, operator.settings, watched.slice(0, MOST_NAMESPACES));
  const [self, accounts, agents] = await Promise.all([
    missingOf(selfNeeds(operator), (attributes) => reader.may(attributes)),
    operator === undefined ? [] : answersTo(reader, needs, operator),
    agent === undefined ? [] : answersTo(reader, agentNeeds(watchedByAgents.slice(0, MOST_NAMESPACES)), agent),
  ]);
  const most = Math.max(watched.length, watchedByAgents.length);
  return { self, accounts: [...accounts, ...agents], leftOut: Math.max(most - MOST_NAMESPACES, 0) };
};

const answersTo = (
  reader: Reader,
  needs: readonly Need[],
  { namespace, serviceAccount }: Pick<Operator, "namespace" | "serviceAccount">,
): Promise<readonly Answered[]> => {
  const user = `system:serviceaccount:${namespace}:${serviceAccount}`;
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
  const ask = (attributes: ResourceAttributes) => reader.mayOther({ user, groups, attributes });
  const account = `${namespace}/${serviceAccount}`;
  return Promise.all(needs.map(async (need) => ({ account, need, missing: await missingOf(questionsOf(need), ask) })));
};

/** Those that are refused. The first question that gets no answer speaks for all. */
const missingOf = async (
  questions: readonly ResourceAttributes[],
  ask: (attributes: ResourceAttributes) => Promise<Seen<boolean>>,
): Promise<Seen<readonly string[]>> => {
  const [first, ...rest] = questions;
  if (first === undefined) return seen([]);
  const one = await ask(first);
  if (one.kind !== "seen") return one;
  const answers = [one, ...(await Promise.all(rest.map(ask)))];
  const lost = answers.find((answer) => answer.kind !== "seen");
  if (lost !== undefined) return lost;
  const refused = questions.filter((_, i) => {
    const answer = answers[i];
    return answer?.kind === "seen" && !answer.value;
  });
  return seen(refused.map((each) => `${ruleText(each)}${each.namespace === undefined ? "" : ` in ${each.namespace}`}`));
};

export const judgeSelf = ({ self }: PermissionFacts): readonly Verdict[] => {
  if (self.kind !== "seen") return [unseen("your own rights", self)];
  if (self.value.length === 0) return [ok("you may read all that is looked at here")];
  return [
    warning(
      `you may not ${named(self.value, 20)}: what takes that is skipped`,
      "run it as somebody who may, or get these rules",
    ),
  ];
};

export const judgeAccounts = ({ accounts, leftOut }: PermissionFacts): readonly Verdict[] => {
  if (accounts.length === 0) return [];
  const [first] = accounts;
  if (
    first !== undefined &&
    first.missing.kind !== "seen" &&
    accounts.every(({ missing }) => missing.kind !== "seen")
  ) {
    return [unseen(`what ServiceAccount ${first.account} may do`, first.missing)];
  }
  const verdicts = accounts.flatMap(accountVerdicts);
  const rest =
    leftOut === 0 ? [] : [ok(`${counted(leftOut, "namespace")} of WATCH_NAMESPACES not asked about: too many`)];
  if (verdicts.length > 0) return [...verdicts, ...rest];
  const names = [...new Set(accounts.map(({ account }) => account))];
  return [ok(`ServiceAccount ${named(names)} may do all that it has to`), ...rest];
};

const accountVerdicts = ({ account, need, missing }: Answered): readonly Verdict[] => {
  if (missing.kind !== "seen") return [unseen(`what ServiceAccount ${account} may do for ${need.part}`, missing)];
  if (missing.value.length === 0) return [];
  const where = need.namespace === "" ? "in all namespaces" : `in namespace ${need.namespace}`;
  const rules = missing.value.map((rule) => rule.replace(/ in \S+$/, ""));
  return [
    failed(
      `ServiceAccount ${account} may not, ${where}, for ${need.part}: ${named(rules, 20)}`,
      `apply ${need.grantedBy}; its binding has to name this ServiceAccount. What it may: kubectl auth can-i --list --as=system:serviceaccount:${account.replace("/", ":")}`,
    ),
  ];
};
