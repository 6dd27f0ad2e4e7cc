import type { Stored } from "@pcmc/controller-runtime";
import { Pods } from "@pcmc/controller-runtime";
import { GROUPS, type Group } from "../../controllers/names.ts";
import { Deployments } from "../../podlogreader/sources.ts";
import { CHOICES } from "../../rbac/groups.ts";
import { LABELS, NAME } from "../../rbac/names.ts";
import type { Settings } from "../../settings/settings.ts";
import { settingsTable } from "../../settings/table.ts";
import { printable } from "../top/printable.ts";
import { version } from "../version.ts";
import { type Operator, operatorOf, operatorText, type RunningOperator, type Workload } from "./operator.ts";
import { troubleOf } from "./pod-trouble.ts";
import type { Listed, Reader } from "./reader.ts";
import { DaemonSets } from "./resources.ts";
import { judged, known, type Seen } from "./seen.ts";
import { counted, failed, named, ok, type Verdict, warning } from "./verdict.ts";

/** What is installed. */
export interface InstallFacts {
  /** All operators of the cluster, or of the namespace that was asked for; the first is looked into. */
  readonly operators: Seen<readonly Operator[]>;
  /** The one that is looked into. */
  readonly operator: RunningOperator | undefined;
  /** What was looked through, for messages. */
  readonly where: string;
}

/** What marks objects of the manager. */
export const SELECTOR = Object.entries(LABELS)
  .map(([key, value]) => `${key}=${value}`)
  .join(",");

export const readInstall = async (reader: Reader, namespace: string | undefined): Promise<InstallFacts> => {
  const wish = { namespace, labelSelector: SELECTOR };
  const [deployments, daemonSets] = await Promise.all([reader.list(Deployments, wish), reader.list(DaemonSets, wish)]);
  const operators = bothOf(deployments, daemonSets);
  const [first] = known(operators) ?? [];
  const pods = first && (await reader.list(Pods, { namespace: first.namespace, labelSelector: SELECTOR }));
  return {
    operators,
    operator: first && pods && { ...first, pods },
    where: namespace === undefined ? "the cluster" : `namespace ${namespace}`,
  };
};

type Lists = Seen<Listed<Workload> | undefined>;

const bothOf = (deployments: Lists, daemonSets: Lists): InstallFacts["operators"] => {
  if (deployments.kind !== "seen") return deployments;
  const found = [
    ...operatorsIn("Deployment", deployments.value?.items ?? []),
    // Without the right to list these, what is there is told all the same.
    ...operatorsIn("DaemonSet", known(daemonSets)?.items ?? []),
  ];
  // Nor is anything missing that may be among what could not be listed.
  if (found.length === 0 && daemonSets.kind !== "seen") return daemonSets;
  return { kind: "seen", value: found };
};

const operatorsIn = (kind: Operator["kind"], workloads: readonly Stored<Workload>[]): readonly Operator[] =>
  workloads.flatMap((workload) => operatorOf(kind, workload) ?? []);

/** The controllers that run; the default where that is not known. */
export const groupsOf = (operator: Operator | undefined): readonly Group[] => operator?.settings?.controllers ?? GROUPS;

export const judgeFound = ({ operators, where }: InstallFacts): readonly Verdict[] =>
  judged("the operator", operators, ([first]) =>
    first === undefined
      ? [
          failed(
            `there is no operator in ${where}: no Deployment labelled ${SELECTOR} runs a manager`,
            "install it: helm install, or kubectl apply -f crd/ -f manifests/rbac.yaml -f manifests/deployment.yaml -f manifests/webhooks.yaml",
          ),
        ]
      : [ok(`${operatorText(first)} is there`)],
  );

export const judgeRivals = ({ operators, operator }: InstallFacts): readonly Verdict[] => {
  const others = (known(operators) ?? []).slice(1);
  if (operator === undefined || others.length === 0) return [];
  return others.map((other) => {
    if (!shareWork(operator, other)) return ok(`${operatorText(other)} is there too, and does not get in the way`);
    const both = `${operatorText(operator)} and ${operatorText(other)} work on the same namespaces and have different Leases`;
    const remedy = "remove one of them, or give each namespaces of its own (WATCH_NAMESPACES)";
    const differs = whatDiffers(operator, other);
    if (differs.length === 0) return warning(`${both}: the same work is done twice`, remedy);
    return failed(`${both}, and differ in ${named(differs)}: each undoes what the other does`, remedy);
  });
};

/** Why two write different things to one place: what each writes is a function of the objects that it sees and of these. */
const whatDiffers = (a: Operator, b: Operator): readonly string[] => {
  const [first, second] = [a.settings, b.settings];
  if (first === undefined || second === undefined) return [];
  const haveBoth = (group: Group) => [first, second].every(({ controllers }) => controllers.includes(group));
  const choices = haveBoth("podlogreader") ? CHOICES.filter((choice) => first[choice] !== second[choice]) : [];
  return [
    ...(a.image === b.image ? [] : ["their images"]),
    ...choices.map((choice) => settingsTable[choice].env ?? choice),
    // Who works in some namespaces only sees no label by which one keeps injection out.
    ...(haveBoth("watcher") && isEverywhere(first) !== isEverywhere(second) ? ["WATCH_NAMESPACES"] : []),
    // There is one set of configurations, and each has a CA of its own.
    ...(writesBundle(first) && writesBundle(second) && a.namespace !== b.namespace ? ["the webhooks' caBundle"] : []),
  ];
};

const isEverywhere = ({ watchNamespaces }: Settings): boolean => watchNamespaces.length === 0;

/** Whether it writes its CA into webhook configurations. */
const writesBundle = ({ webhookEnabled, webhookCertDir, controllers }: Settings): boolean =>
  webhookEnabled && webhookCertDir === undefined && controllers.some((group) => group !== "podlogreader");

const shareWork = (a: Operator, b: Operator): boolean => {
  const [first, second] = [a.settings, b.settings];
  if (first === undefined || second === undefined) return false;
  const sameLease =
    first.leaderElectionEnabled &&
    second.leaderElectionEnabled &&
    first.leaderElectionLockName === second.leaderElectionLockName &&
    first.leaderElectionLockNamespace === second.leaderElectionLockNamespace;
  if (sameLease || !first.controllers.some((group) => second.controllers.includes(group))) return false;
  const [here, there] = [first.watchNamespaces, second.watchNamespaces];
  return here.length === 0 || there.length === 0 || here.some((namespace) => there.includes(namespace));
};

export const judgeSettings = ({ operator }: InstallFacts): readonly Verdict[] => {
  if (operator === undefined) return [];
  const { problems, unknown, settings } = operator;
  if (settings === undefined) {
    return [
      failed(
        `its settings are wrong, so it does not start: ${named(problems)}`,
        "mend args and env of the container; docs/reference/settings.md says what is allowed",
      ),
    ];
  }
  const note = unknown.length === 0 ? "" : `; not known here: ${named(unknown)}`;
  const namespaces = settings.watchNamespaces.length === 0 ? "all namespaces" : named(settings.watchNamespaces);
  return [ok(`it runs ${settings.controllers.join(", ")} in ${namespaces}${note}`)];
};

export const judgeImage = ({ operator }: InstallFacts): readonly Verdict[] =>
  operator === undefined ? [] : [imageVerdict(operatorText(operator), operator.image)];

/** Whether an image is of the version of this program. */
export const imageVerdict = (what: string, image: string): Verdict => {
  const tag = /:([^:/@]+)(?:@.*)?$/.exec(image)?.[1];
  if (tag === undefined || !/^v?\d+\.\d+\.\d+/.test(tag)) {
    return ok(`${what} runs ${image}; its tag names no version to compare with this pcmc's, ${version}`);
  }
  if (tag.replace(/^v/, "") === version) return ok(`${what} runs version ${version}, as this pcmc`);
  return warning(
    `${what} runs ${image}, and this pcmc is version ${version}`,
    "use the pcmc of the same release: what is right for one need not be for the other",
  );
};

export const judgeReplicas = ({ operator }: InstallFacts): readonly Verdict[] => {
  if (operator === undefined) return [];
  const { desired, ready, pods } = operator;
  if (desired === 0) return [failed(`${operatorText(operator)} has no replicas: nothing works`, moreOf(operator))];
  if (ready >= desired) return [ok(`${ready} of ${counted(desired, "replica")} ready`)];
  const message = `${ready} of ${counted(desired, "replica")} ready`;
  const troubles = (known(pods)?.items ?? []).flatMap((pod) => {
    const trouble = troubleOf(pod);
    return trouble === undefined ? [] : [{ pod: pod.metadata.name, ...trouble }];
  });
  const tell = ready === 0 ? failed : warning;
  if (troubles.length === 0) {
    return [
      tell(
        `${message}, and no Pod says why`,
        `kubectl -n ${operator.namespace} describe ${operator.kind.toLowerCase()} ${operator.name}: a quota, an admission webhook or a missing ServiceAccount (${NAME}) keep Pods from being made`,
      ),
    ];
  }
  return troubles.slice(0, 5).map(({ pod, why, remedy }) => tell(printable(`${message}: Pod ${pod}: ${why}`), remedy));
};

/** How it gets Pods again: a DaemonSet has as many as there are nodes that it fits. */
const moreOf = ({ kind, namespace, name }: Operator): string =>
  kind === "Deployment"
    ? `kubectl -n ${namespace} scale deployment ${name} --replicas=2`
    : `mend its nodeSelector, affinity or tolerations: kubectl -n ${namespace} edit daemonset ${name}; kubectl get nodes --show-labels has what they have to fit`;
