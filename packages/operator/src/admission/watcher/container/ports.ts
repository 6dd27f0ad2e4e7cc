import type { WatcherSpec } from "../../../api/watcher.ts";
import { error, type Finding, warning } from "../../finding.ts";

/** What can be wrong with ports. */
export const portFindings = ({ container }: WatcherSpec): readonly Finding[] => {
  const names = new Set<string>();
  const hostPorts = new Set<string>();
  return (container.ports ?? []).flatMap((port, index) => {
    const path = ["spec", "container", "ports", index];
    const { name, hostPort = 0, protocol = "TCP", hostIP = "" } = port;
    const findings: Finding[] = [];
    if (name !== undefined && names.has(name)) {
      findings.push(error([...path, "name"], "is the name of a port before it", "FieldValueDuplicate"));
    }
    if (name !== undefined) names.add(name);
    if (hostPort === 0) return findings;
    const onHost = `${protocol} ${hostIP} ${hostPort}`;
    if (hostPorts.has(onHost)) {
      findings.push(error([...path, "hostPort"], "is the port of another one before it", "FieldValueDuplicate"));
    }
    hostPorts.add(onHost);
    findings.push(warning([...path, "hostPort"], "lets only one Pod with this sidecar run on a node"));
    return findings;
  });
};
