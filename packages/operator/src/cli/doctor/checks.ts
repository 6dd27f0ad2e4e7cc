import * as agents from "./agent-checks.ts";
import * as cluster from "./cluster.ts";
import * as crds from "./crds.ts";
import * as endpoints from "./endpoints.ts";
import type { Facts } from "./facts.ts";
import * as install from "./install.ts";
import * as leader from "./leader.ts";
import * as permissions from "./permissions.ts";
import * as resources from "./resource-checks.ts";
import * as unattended from "./unattended.ts";
import type { Verdict } from "./verdict.ts";
import * as certificates from "./webhook-certificates.ts";
import * as webhooks from "./webhooks.ts";

/** The sections in their order, with their headings. */
export const SECTIONS = [
  { name: "cluster", title: "Cluster" },
  { name: "crds", title: "Custom resource definitions" },
  { name: "install", title: "Installation" },
  { name: "permissions", title: "Permissions" },
  { name: "leader", title: "Leader" },
  { name: "webhooks", title: "Webhooks" },
  { name: "agents", title: "Node agents" },
  { name: "resources", title: "Resources" },
  { name: "endpoints", title: "Metrics and readiness" },
] as const;

/** A heading, and what stands below it: the part of an id before its dot. */
export type Section = (typeof SECTIONS)[number];

/** One check. Its id is for programs and never changes. */
export interface Check {
  /** `section.name`. */
  readonly id: `${Section["name"]}.${string}`;
  /** What it looks at, for the docs. */
  readonly about: string;
  /** What to do where it fails, for the docs; the finding itself says it for the case at hand. */
  readonly todo: string;
  /** Pure. No verdict at all: there is nothing to check. */
  readonly judge: (facts: Facts) => readonly Verdict[];
}

/** All checks in the order in which they are told. Output, docs/reference/doctor.md and its test come from here. */
export const CHECKS: readonly Check[] = [
  {
    id: "cluster.reachable",
    about: "The API server answers. Where it does not, doctor ends with exit code 2.",
    todo: "Mend the kubeconfig, the credentials or the way to the API server.",
    judge: (facts) => cluster.judgeReachable(facts.cluster),
  },
  {
    id: "cluster.version",
    about: "The version of Kubernetes is one that this release supports. A newer one is a warning.",
    todo: "Upgrade the cluster; for a newer one, look for a newer release.",
    judge: (facts) => cluster.judgeVersion(facts.cluster),
  },
  {
    id: "cluster.clock",
    about: "The clock here and the API server's differ by less than 5 s: certificates and Leases are judged by them.",
    todo: "Set the clocks by NTP.",
    judge: (facts) => cluster.judgeClock(facts.cluster),
  },
  {
    id: "crds.present",
    about: "The CRDs of the controllers that run are there.",
    todo: "Apply `crd/`, or upgrade the chart with `crds.install=true`.",
    judge: ({ definitions, install: { operator } }) =>
      definitions.flatMap((each) => crds.judgePresent(each, install.groupsOf(operator))),
  },
  {
    id: "crds.established",
    about: "The API server has taken their names and serves them.",
    todo: "Find the CRD that has the same kind or short name, and remove one of the two.",
    judge: ({ definitions }) => definitions.flatMap(crds.judgeEstablished),
  },
  {
    id: "crds.version",
    about: "They serve and store `v1alpha1`, without conversion, and nothing is stored as another version.",
    todo: "Apply `crd/` of the release that is installed.",
    judge: ({ definitions }) => definitions.flatMap(crds.judgeVersions),
  },
  {
    id: "crds.schema",
    about:
      "Their schema is that of this pcmc. An older one fails: the API server drops fields that it does not know without a word. A newer one is a warning.",
    todo: "Older: apply `crd/` of this release. Newer: use the pcmc of the release that is installed.",
    judge: ({ definitions }) => definitions.flatMap(crds.judgeSchema),
  },
  {
    id: "install.found",
    about: "A Deployment (or DaemonSet) with our label runs a manager.",
    todo: "Install it, or name its namespace with `-n`.",
    judge: (facts) => install.judgeFound(facts.install),
  },
  {
    id: "install.settings",
    about: "Its flags and environment are settings that the manager takes.",
    todo: "Mend the container's `args` and `env`: [settings](settings.md).",
    judge: (facts) => install.judgeSettings(facts.install),
  },
  {
    id: "install.image",
    about: "Its image is of the version of this pcmc. Another one is a warning.",
    todo: "Use the pcmc of the release that is installed, or upgrade the installation.",
    judge: (facts) => install.judgeImage(facts.install),
  },
  {
    id: "install.replicas",
    about:
      "All replicas are ready. Some are not: a warning; none is: failed. Pods say why: image, crash, memory, scheduling.",
    todo: "What the finding says of the Pod: mend image, limits, scheduling, or what the log says.",
    judge: (facts) => install.judgeReplicas(facts.install),
  },
  {
    id: "install.rivals",
    about:
      "No other installation with another Lease works on the same namespaces. With the same image and settings both come to the same objects, and the work is done twice: a warning. With others each undoes what the other does: failed.",
    todo: "Remove one, or divide the namespaces with `WATCH_NAMESPACES`.",
    judge: (facts) => install.judgeRivals(facts.install),
  },
  {
    id: "permissions.self",
    about: "Whoever runs doctor may read what it looks at. What they may not is skipped.",
    todo: "Run it as somebody who may, or get the rules that the finding names.",
    judge: (facts) => permissions.judgeSelf(facts.permissions),
  },
  {
    id: "permissions.operator",
    about:
      "The ServiceAccounts of manager and agents may do all that the code needs with these settings, in each of up to 20 namespaces of `WATCH_NAMESPACES`.",
    todo: "Apply `manifests/rbac.yaml` or what else the finding names, or upgrade the chart with `rbac.create=true`.",
    judge: (facts) => permissions.judgeAccounts(facts.permissions),
  },
  {
    id: "leader.lease",
    about: "The Lease exists by which replicas agree on one, or there is one replica.",
    todo: "See why no replica runs, or cannot create it.",
    judge: (facts) => leader.judgeLease(facts.install.operator, facts.leader),
  },
  {
    id: "leader.alive",
    about: "Somebody holds it and renews it in time.",
    todo: "See why no replica is ready, and what their logs say.",
    judge: (facts) => leader.judgeHolder(facts.install.operator, facts.leader),
  },
  {
    id: "leader.pod",
    about: "The holder is a Pod of this installation.",
    todo: "Find who else holds it: another installation, or a manager outside the cluster.",
    judge: (facts) => leader.judgeHolderPod(facts.install.operator, facts.leader),
  },
  {
    id: "webhooks.registered",
    about: "The webhook configurations hold the webhooks of the controllers that run.",
    todo: "Apply `manifests/webhooks.yaml`, or upgrade the chart with `webhooks.enabled=true`.",
    judge: (facts) => webhooks.judgeRegistered(facts.install.operator, facts.webhooks),
  },
  {
    id: "webhooks.service",
    about: "They name the Service of this installation, and it has a ready endpoint.",
    todo: "Apply `manifests/webhooks.yaml` for the right namespace; see why no replica is ready.",
    judge: (facts) => webhooks.judgeService(facts.install.operator, facts.webhooks),
  },
  {
    id: "webhooks.ca-bundle",
    about: "Each has a `caBundle` with a certificate that has not expired.",
    todo: "See why nobody leads, or what the leader may not: it writes the bundle within seconds.",
    judge: (facts) => certificates.judgeBundle(facts.webhooks),
  },
  {
    id: "webhooks.certificate",
    about:
      "The certificate in the Secret is verified by the `caBundle`, is for the Service, and lasts. Less than 7 days is a warning. Where the webhook configurations may not be listed, it is compared with none.",
    todo: "The same; a Secret that holds junk can be deleted, and is made anew.",
    judge: (facts) => certificates.judgeCertificate(facts.install.operator, facts.webhooks),
  },
  {
    id: "webhooks.answers",
    about:
      "The API server reaches the webhook: a PodConfigMapConfig with a broken template, created with `dryRun=All`, is refused by it. Nothing is stored.",
    todo: "See that the API server may reach port 9443 of the Pods, and the findings above.",
    judge: (facts) => webhooks.judgeAnswers(facts.webhooks),
  },
  {
    id: "webhooks.failure-policy",
    about: "Nothing is blocked while the operator is down.",
    todo: "Set `webhooks.failurePolicy=Ignore`, unless `Fail` is meant.",
    judge: (facts) => webhooks.judgePolicy(facts.webhooks),
  },
  {
    id: "webhooks.foreign",
    about:
      "No webhook of others for Pods, ConfigMaps, Roles or our objects has `failurePolicy: Fail` and no ready endpoint. Its selectors are not looked at.",
    todo: "Bring its service back, or delete its configuration.",
    judge: (facts) => webhooks.judgeForeign(facts.webhooks),
  },
  {
    id: "agents.installed",
    about: "There are node agents where a PodConfigMapConfig asks for eBPF.",
    todo: "Apply `manifests/agent.yaml`, or upgrade the chart with `agent.enabled=true`.",
    judge: (facts) => agents.judgeInstalled(facts.agents, facts.resources.configs),
  },
  {
    id: "agents.image",
    about: "Their image is of the version of this pcmc.",
    todo: "Upgrade them along with the manager.",
    judge: (facts) => agents.judgeImage(facts.agents),
  },
  {
    id: "agents.nodes",
    about:
      "Each node that the DaemonSet wants (`status.desiredNumberScheduled`) has one; and it wants some, where a PodConfigMapConfig asks for eBPF.",
    todo: "`kubectl describe daemonset` says what is in the way; where it wants none, mend its `nodeSelector`, affinity or tolerations.",
    judge: (facts) => agents.judgeNodes(facts.agents, facts.resources.configs),
  },
  {
    id: "agents.unattended-pods",
    about:
      "No Pod has the condition `podconfig.example.com/EbpfReady` True on a node without an agent. What is in that kernel stands, so True is not false, but nobody changes, repairs or reads it: [eBPF](../EBPF_FEATURES.md#until-the-rules-stand). Looked at are the Pods of up to 10 nodes without one.",
    todo: "Bring the agents back, or clear kernels and conditions: [eBPF, Removing it](../EBPF_FEATURES.md#removing-it).",
    judge: (facts) => unattended.judgeUnattended(facts.agents),
  },
  {
    id: "agents.ready",
    about: "All are ready. One that is not is asked why: no bpffs, no BTF, no permission.",
    todo: "[eBPF, Troubleshooting](../EBPF_FEATURES.md#troubleshooting) has each reason.",
    judge: (facts) => agents.judgeReady(facts.agents),
  },
  {
    id: "agents.kernel",
    about: "Their nodes have Linux 5.8 or later (5.7 for counting alone), on amd64 or arm64.",
    todo: "Upgrade the kernel, or [keep the agents off the node](../how-to/upgrade.md#agents-off-or-off-some-nodes) with `agent.nodeSelector`.",
    judge: (facts) => agents.judgeKernels(facts.agents),
  },
  {
    id: "agents.policy",
    about: "The ValidatingAdmissionPolicy that bounds what an agent's token may write is there, with its binding.",
    todo: "Apply `manifests/agent.yaml`; on 1.29, upgrade.",
    judge: (facts) => agents.judgePolicy(facts.agents, facts.cluster),
  },
  {
    id: "agents.configs",
    about: "No PodConfigMapConfig has the condition `EbpfReady` False.",
    todo: "What the condition's reason says: [eBPF, Troubleshooting](../EBPF_FEATURES.md#troubleshooting).",
    judge: (facts) => agents.judgeConfigs(facts.resources.configs),
  },
  {
    id: "resources.podconfigmapconfigs",
    about: "All PodConfigMapConfigs are Ready at their generation. Five are named, the rest is a count.",
    todo: "What the condition says; `pcmc preview` shows what a spec makes.",
    judge: (facts) => resources.judgeConfigs(facts.resources),
  },
  {
    id: "resources.watchers",
    about: "All Watchers are Ready.",
    todo: "What the condition says: [Watcher](../how-to/inject-a-sidecar.md).",
    judge: (facts) => resources.judgeWatchers(facts.resources, install.groupsOf(facts.install.operator)),
  },
  {
    id: "resources.missed-pods",
    about: "No Pod runs without a sidecar that it asks for.",
    todo: "Restart Pods that were made while no webhook answered.",
    judge: (facts) => resources.judgeMissed(facts.resources),
  },
  {
    id: "resources.podlogreader",
    about: "Each Deployment with the label `podlogreader-affiliate: enable` has its Role.",
    todo: "See the Deployment's Events.",
    judge: (facts) => resources.judgeRoles(facts.resources, install.groupsOf(facts.install.operator)),
  },
  {
    id: "resources.quota",
    about: "In namespaces with PodConfigMapConfigs, no quota of ConfigMaps is used up; from 90 % on it is a warning.",
    todo: "Raise the quota, or select fewer Pods.",
    judge: (facts) => resources.judgeQuotas(facts.resources),
  },
  {
    id: "resources.leftovers",
    about:
      "Generated ConfigMaps end with their Pod. Looked at are up to 2,000 of them, in up to 10 namespaces of up to 5,000 Pods.",
    todo: "See that kube-controller-manager and its garbage collector work.",
    judge: (facts) => resources.judgeLeftovers(facts.resources),
  },
  {
    id: "endpoints.readyz",
    about: "Each replica says on `/readyz` that it is ready, asked through the API server.",
    todo: "What it says; its log says more.",
    judge: (facts) => endpoints.judgeReadyz(facts.endpoints),
  },
  {
    id: "endpoints.metrics",
    about: "Each replica serves its metrics.",
    todo: "See that NetworkPolicies let whoever scrapes through.",
    judge: (facts) => endpoints.judgeMetrics(facts.endpoints),
  },
];

/** The section of a check. */
export const sectionOf = ({ id }: Pick<Check, "id">): Section => {
  const found = SECTIONS.find(({ name }) => id.startsWith(`${name}.`));
  if (found === undefined) throw new Error(`${id} is of no section`);
  return found;
};
