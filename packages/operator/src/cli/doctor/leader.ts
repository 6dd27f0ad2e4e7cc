import { type Lease, Leases, type Stored } from "@pcmc/controller-runtime";
import { NAME } from "../../rbac/names.ts";
import type { Operator, RunningOperator } from "./operator.ts";
import type { Reader } from "./reader.ts";
import { judged, known, NOT_ASKED, type Seen } from "./seen.ts";
import { failed, named, ok, skipped, type Verdict, warning } from "./verdict.ts";

/** The Lease by which replicas agree on one. */
export interface LeaderFacts {
  readonly lease: Seen<Stored<Lease> | undefined>;
  /** The server's wall clock when it was read, milliseconds. */
  readonly now: number;
}

/** Milliseconds that a reading of the server's clock may be off, and a request takes. */
const TOLERANCE = 2_000;

/** @param ahead milliseconds by which the server's clock is ahead of `now`'s. */
export const readLeader = async (
  reader: Reader,
  operator: Operator | undefined,
  { now, ahead }: { readonly now: () => number; readonly ahead: number },
): Promise<LeaderFacts> => {
  const settings = operator?.settings;
  if (settings === undefined || !settings.leaderElectionEnabled) return { lease: NOT_ASKED, now: 0 };
  const { leaderElectionLockNamespace: namespace, leaderElectionLockName: name } = settings;
  const lease = await reader.get(Leases, { namespace, name });
  return { lease, now: now() + ahead };
};

export const judgeLease = (operator: RunningOperator | undefined, { lease }: LeaderFacts): readonly Verdict[] => {
  const settings = operator?.settings;
  if (operator === undefined || settings === undefined)
    return [skipped("no operator is known to look for a leader of")];
  if (!settings.leaderElectionEnabled) {
    return operator.desired > 1
      ? [
          failed(
            `there are ${operator.desired} replicas and no election: each works, against the others`,
            "set LEADER_ELECTION_ENABLED=true, or run one replica",
          ),
        ]
      : [ok("one replica, and no election")];
  }
  const { leaderElectionLockNamespace: namespace, leaderElectionLockName: name } = settings;
  return judged(`Lease ${namespace}/${name}`, lease, (found) => {
    if (found === undefined && operator.unknown.length > 0) {
      return [
        warning(
          `Lease ${namespace}/${name} is not there: nobody has ever led, or it has another name (not known here: ${named(operator.unknown)})`,
          `kubectl get leases -A | grep ${NAME} shows the one that is used, where there is one`,
        ),
      ];
    }
    if (found === undefined) {
      return [
        failed(
          `Lease ${namespace}/${name} is not there: nobody has ever led`,
          "see above why no replica runs, or that its ServiceAccount may create leases there: the replicas' logs say what they wait for",
        ),
      ];
    }
    return [ok(`Lease ${namespace}/${name} is there`)];
  });
};

export const judgeHolder = (operator: RunningOperator | undefined, facts: LeaderFacts): readonly Verdict[] =>
  ofHeld(facts, (lease) => {
    const holder = lease.spec?.holderIdentity ?? "";
    if (holder === "") {
      return [failed("nobody leads: the last leader gave the Lease back", "see above why no replica takes it")];
    }
    const stale = silentFor(lease, facts.now);
    if (stale > TOLERANCE) {
      const seconds = Math.round(stale / 1_000);
      return [
        failed(
          `nobody leads: ${holder} has not renewed the Lease for ${seconds} s more than it holds`,
          "see above why no replica is ready; a replica that runs and cannot take the Lease says why in its log",
        ),
      ];
    }
    return [ok(`${holder} leads${operator === undefined ? "" : ", and renews its Lease"}`)];
  });

export const judgeHolderPod = (operator: RunningOperator | undefined, facts: LeaderFacts): readonly Verdict[] =>
  ofHeld(facts, (lease) => {
    const holder = lease.spec?.holderIdentity ?? "";
    const pods = operator && known(operator.pods);
    if (holder === "" || pods === undefined || silentFor(lease, facts.now) > TOLERANCE) return [];
    const name = holder.replace(/_[^_]*$/, "");
    if (pods.items.some((pod) => pod.metadata.name === name)) return [ok(`the leader is Pod ${name}`)];
    return [
      failed(
        `the leader ${holder} is no Pod of this installation`,
        "find who else holds the Lease: another installation with the same LEADER_ELECTION_LOCK_NAME, or a manager outside the cluster",
      ),
    ];
  });

/** Milliseconds since a Lease has run out; negative while it holds. */
const silentFor = ({ spec }: Lease, now: number): number => {
  const renewed = Date.parse(spec?.renewTime ?? "");
  return Number.isNaN(renewed) ? Number.POSITIVE_INFINITY : now - renewed - (spec?.leaseDurationSeconds ?? 0) * 1_000;
};

const ofHeld = ({ lease }: LeaderFacts, judge: (lease: Stored<Lease>) => readonly Verdict[]): readonly Verdict[] => {
  const found = known(lease);
  return found === undefined ? [] : judge(found);
};
