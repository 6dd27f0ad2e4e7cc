import { thresholds as at } from "../alerts/thresholds.ts";
import type { Dashboard } from "./panel.ts";
import { OF_OBJECTS, rate } from "./promql.ts";
import { ebpfNamespace, job, node, pod } from "./variables.ts";

const E = "podconfigmap_controller_ebpf";
const OF_PODS = `${OF_OBJECTS}, pod_name=~"$pod"`;
const OF_NODES = 'job=~"$job", node=~"$node"';

/** What the kernels count, Pod by Pod. */
export const ebpf: Dashboard = {
  uid: "pcmc-ebpf",
  title: "podconfigmap-controller / eBPF per Pod",
  description:
    "System calls, judged connections and attached programs of Pods with metricsExport, and the agents that look after them.",
  variables: [job, ebpfNamespace, pod, node],
  rows: [
    {
      title: "Pods",
      panels: [
        {
          title: "System calls, the ten that make most",
          unit: "perSecond",
          queries: [
            {
              expr: `topk(10, sum by (namespace, pod_name) (${rate(`${E}_syscall_count_total`, OF_PODS)}))`,
              legend: "{{namespace}}/{{pod_name}}",
            },
          ],
          about:
            "All processes of the Pod together. Normal: what the program is known for. A jump without more requests: a busy loop, or something that does not belong there.",
        },
        {
          title: "System calls by name, the ten most frequent",
          unit: "perSecond",
          stacked: true,
          queries: [
            {
              expr: `topk(10, sum by (syscall) (${rate(`${E}_syscall_count_total`, OF_PODS)}))`,
              legend: "{{syscall}}",
            },
          ],
          about:
            "Of the chosen Pods. Normal: read, write, epoll_wait, futex of most servers. execve or ptrace where nothing should be started: look closer, with pcmc top.",
        },
        {
          title: "Connections and datagrams judged",
          unit: "perSecond",
          stacked: true,
          queries: [
            {
              expr: `sum by (stat_type) (${rate(`${E}_l4_firewall_total`, `${OF_PODS}, stat_type=~"allowed|blocked"`)})`,
              legend: "{{stat_type}}",
            },
          ],
          about:
            "TCP connection attempts and UDP datagrams. Normal: few are blocked. In audit mode, blocked is what enforce mode would block.",
        },
        {
          title: "Blocked, the ten with most",
          unit: "perSecond",
          queries: [
            {
              expr: `topk(10, sum by (namespace, pod_name) (${rate(`${E}_l4_firewall_total`, `${OF_PODS}, stat_type="blocked"`)}) > 0)`,
              legend: "{{namespace}}/{{pod_name}}",
            },
          ],
          about:
            "Normal: none, where the policy fits. pcmc top shows the ports. Right after a change of policy: a port may be missing in allowedPorts.",
        },
        {
          title: "By protocol",
          unit: "perSecond",
          queries: [
            {
              expr: `sum by (stat_type) (${rate(`${E}_l4_firewall_total`, `${OF_PODS}, stat_type=~"tcp|udp"`)})`,
              legend: "{{stat_type}}",
            },
          ],
          about: "The same events by protocol: the sum is that of allowed and blocked.",
        },
        {
          title: "Attached programs",
          unit: "count",
          queries: [{ expr: `sum by (program_type) (${E}_attached_programs{${OF_PODS}})`, legend: "{{program_type}}" }],
          about:
            "Pods that have each kind of program. Normal: as many as PodConfigMapConfigs ask for. Fewer: EbpfReady of the PodConfigMapConfig says why.",
        },
        {
          title: "Failures",
          unit: "perSecond",
          width: 24,
          queries: [
            {
              expr: `sum by (namespace, pod_name, program_type, error_type) (${rate(`${E}_program_errors_total`, OF_PODS)})`,
              legend: "{{namespace}}/{{pod_name}} {{program_type}} {{error_type}}",
            },
          ],
          about:
            "Tries to attach that failed. Normal: none, or cgroup_gone once when a Pod ends. The runbook pcmc-ebpf-errors has the reasons.",
        },
      ],
    },
    {
      title: "Agents",
      panels: [
        {
          title: "Ready",
          kind: "states",
          unit: "status",
          queries: [{ expr: `max by (node) (${E}_agent_ready{${OF_NODES}})`, legend: "{{node}}" }],
          about:
            "Green where the agent has hold of its node's kernel. Red: the runbook pcmc-agent-not-ready. A node that is missing here has no agent: pcmc-agent-missing.",
        },
        {
          title: "Readings are late by",
          unit: "seconds",
          bad: at.readingLatenessSeconds,
          queries: [{ expr: `max by (node) (${E}_reading_lateness_seconds{${OF_NODES}})`, legend: "{{node}}" }],
          about: "Normal: 0. Above the line counters stand still: the runbook pcmc-ebpf-counters-stale.",
        },
        {
          title: "Cost of one run of a program",
          unit: "seconds",
          queries: [
            {
              expr: `sum by (program_type) (${rate(`${E}_program_run_seconds_total`, 'job=~"$job"')}) / sum by (program_type) (${rate(`${E}_program_runs_total`, 'job=~"$job"')})`,
              legend: "{{program_type}}",
            },
          ],
          about:
            "As the kernel measures it; shown with EBPF_RUN_STATS only. Normal: 50 to 300 ns. Above 1 microsecond: a busy machine, or a kernel with costly mitigations.",
        },
        {
          title: "Runs",
          unit: "perSecond",
          queries: [
            {
              expr: `sum by (program_type) (${rate(`${E}_program_runs_total`, 'job=~"$job"')})`,
              legend: "{{program_type}}",
            },
          ],
          about: "How often the programs run; with EBPF_RUN_STATS only.",
        },
      ],
    },
  ],
};
