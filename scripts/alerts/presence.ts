import { type AlertGroup, INSTALLATION } from "./alert.ts";

/** A count of the DaemonSet of agents, or of the one that is manager and agent; once, however many replicas kube-state-metrics has. */
const agents = (count: string): string =>
  `max by (namespace, daemonset) (kube_daemonset_status_${count}{daemonset=~"podconfigmap-controller(-agent)?"})`;

/** When each replica was last seen to lead, within the hour. */
const LED = "max_over_time(timestamp(podconfigmap_controller_leader_election_status == 1)[1h:15s])";

/** Keeps what is told of an election unless the one who was the last to be seen leading is a target that does not answer. */
const unlessUnseen = (expr: string): string => {
  const last = (led: string) => `max by (${INSTALLATION}, name) (${led})`;
  return `${expr} unless on (${INSTALLATION}, name) (${last(`${LED} and on (job, instance) up == 0`)} == ${last(LED)})`;
};

/** Whether anybody is there, and works. */
export const presence: AlertGroup = {
  name: "podconfigmap-controller.presence",
  alerts: [
    {
      name: "PcmcManagerAbsent",
      // Whatever the job is called, and however many replicas there are: one is enough.
      expr: `absent(podconfigmap_controller_build_info{role=~"manager|all"})`,
      holds: "5m",
      severity: "critical",
      summary: "No manager of podconfigmap-controller is scraped.",
      description:
        "No replica of the manager has answered Prometheus for 5 minutes: ConfigMaps, sidecars and log readers' Roles are not kept in step, or nobody sees whether they are.",
    },
    {
      name: "PcmcNoLeader",
      expr: unlessUnseen(`sum by (${INSTALLATION}, name) (podconfigmap_controller_leader_election_status) == 0`),
      // A lost leader is replaced in seconds; Prometheus may look twice in the middle of that.
      holds: "2m",
      severity: "critical",
      summary: "Managers run, and none leads.",
      description:
        "None of the replicas of {{ $labels.job }} holds the Lease {{ $labels.name }}: nothing is reconciled. What agents have in the kernels stays in force.",
    },
    {
      name: "PcmcTwoLeaders",
      expr: `sum by (${INSTALLATION}, name) (podconfigmap_controller_leader_election_status) > 1`,
      // Replicas are scraped one after the other: around a change of leaders each may have said 1.
      holds: "3m",
      severity: "critical",
      summary: "More than one manager says that it leads.",
      description:
        "{{ $value }} replicas of {{ $labels.job }} say that they hold the Lease {{ $labels.name }}: they may undo each other's writes.",
    },
    {
      name: "PcmcAgentDown",
      // Series of an agent go with it, so this goes by the job's name: that of the Service, the PodMonitor, or of docs/how-to/monitor.md.
      expr: `up{job=~".*podconfigmap-controller-agent.*"} == 0`,
      holds: "10m",
      severity: "warning",
      summary: "A node agent does not answer Prometheus.",
      description:
        "The node agent at {{ $labels.instance }} has not answered for 10 minutes. What it has put into the kernel stays in force; new Pods of that node get no policy, and nothing is exported.",
    },
    {
      name: "PcmcAgentMissing",
      expr: `${agents("desired_number_scheduled")} - ${agents("number_available")} > 0`,
      // A rollout takes a tenth of the nodes at a time.
      holds: "15m",
      severity: "warning",
      summary: "Nodes have no working node agent.",
      description:
        "{{ $value }} nodes that should have an agent of the DaemonSet {{ $labels.namespace }}/{{ $labels.daemonset }} have none that is available. (From kube-state-metrics.)",
    },
    {
      name: "PcmcAgentNotReady",
      expr: "max by (job, node) (podconfigmap_controller_ebpf_agent_ready) == 0",
      holds: "10m",
      severity: "warning",
      summary: "A node agent cannot work on its node.",
      description:
        "The agent of node {{ $labels.node }} has no hold of the kernel, or may not report: policies of new Pods there are not enforced.",
    },
  ],
};
