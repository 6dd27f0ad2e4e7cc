import { boolean, integer, listOf, object, oneOf, optional, type Rule, rules, type Static, string } from "./schema.ts";
import { GO_DURATION_PATTERN, parseGoDuration } from "./syntax.ts";

const atLeastOneSecond: Rule<string> = {
  rule: `self.matches('${GO_DURATION_PATTERN}') && duration(self) >= duration('1s')`,
  message: "must be a Go duration of at least 1s: a number with a unit, such as 30s or 1m30s",
  check: (value) => (parseGoDuration(value) ?? 0) >= 1000,
};

const enabled = (description: string) => optional(boolean({ description: `${description} False when unset.` }));

const ports = (description: string) =>
  optional(listOf(integer({ format: "int32", minimum: 1, maximum: 65535 }), { description, maxItems: 65535 }));

const syscallMonitoring = object(
  {
    enabled: enabled("Whether system calls are counted."),
    syscallNames: optional(
      listOf(string({ maxLength: 64 }), {
        description:
          "The system calls to count, such as open or connect; a name counts its modern variants too (open: openat, openat2). " +
          "Empty or absent: all system calls.",
        maxItems: 512,
      }),
    ),
  },
  { description: "Counts the system calls of each selected Pod in the kernel." },
);

const l4Firewall = object(
  {
    enabled: enabled("Whether traffic is judged."),
    allowedPorts: ports("Ports that are open, TCP and UDP, 1-65535. A port in blockedPorts too is blocked."),
    blockedPorts: ports("Ports that are closed, TCP and UDP, 1-65535. They win over allowedPorts."),
    defaultAction: optional(
      oneOf(["allow", "block"], { description: "What happens to ports in neither list. allow when unset." }),
    ),
    direction: optional(
      oneOf(["ingress", "egress", "both"], {
        description: "Which traffic is judged: what comes to the Pod (ingress), what it sends (egress), or both.",
        default: "ingress",
      }),
    ),
    mode: optional(
      oneOf(["enforce", "audit"], {
        description: "enforce drops blocked traffic. audit lets it through and counts it as blocked, to try rules out.",
        default: "enforce",
      }),
    ),
    establishedConnections: optional(
      oneOf(["keep", "enforce"], {
        description:
          "What a changed policy does to connections that stand already: they stay open (keep) or are judged anew (enforce).",
        default: "keep",
      }),
    ),
  },
  { description: "Allows and blocks TCP connections and UDP datagrams by port, in the kernel." },
);

const metricsExport = object(
  {
    enabled: enabled(
      "Whether the counters are exported as metrics. Without it they are counted and enforced all the same.",
    ),
    updateInterval: optional(
      string({
        description: "How often the exported values are read: a Go duration of at least 1s, such as 30s or 1m30s.",
        maxLength: 64,
        ...rules(atLeastOneSecond),
      }),
    ),
  },
  { description: "Exports the counters of the selected Pods as Prometheus metrics." },
);

/** `spec.ebpfConfig`. */
export const ebpfConfigSchema = object(
  {
    syscallMonitoring: optional(syscallMonitoring),
    l4Firewall: optional(l4Firewall),
    metricsExport: optional(metricsExport),
    onFailure: optional(
      oneOf(["allow", "block"], {
        description:
          "What happens when a program cannot be attached to a Pod: allow leaves the Pod as it is and says so; block keeps its " +
          "condition podconfig.example.com/EbpfReady False, so that a Pod with that readiness gate gets no Service traffic.",
        default: "allow",
      }),
    ),
  },
  { description: "What the node agent does for the selected Pods in the kernel. Absent: nothing." },
);

export type EbpfConfig = Static<typeof ebpfConfigSchema>;
