import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { EbpfConfig } from "../../src/api/ebpf-config.ts";
import { type PodPolicy, podPolicy } from "../../src/ebpf/policy.ts";
import type { ParsedConfig } from "../../src/podconfigmap/config.ts";
import { config } from "../podconfigmap/fixtures.ts";

type Firewall = NonNullable<EbpfConfig["l4Firewall"]>;

/** A running Pod `web` with the label `app: web`. */
export const pod = (changes: Partial<Pod> = {}): Pod => ({
  metadata: { name: "web", namespace: "shop", uid: "uid-of-web", labels: { app: "web" } },
  spec: { containers: [{ name: "main" }], nodeName: "node-1" },
  status: { phase: "Running" },
  ...changes,
});

/** A PodConfigMapConfig of all Pods with this `ebpfConfig`. */
export const asking = (name: string, ebpfConfig: EbpfConfig | object): ParsedConfig => config(name, { ebpfConfig });

export const guarding = (name: string, l4Firewall: Firewall): ParsedConfig =>
  asking(name, { l4Firewall: { enabled: true, ...l4Firewall } });

export const counting = (name: string, ...syscallNames: string[]): ParsedConfig =>
  asking(name, { syscallMonitoring: { enabled: true, syscallNames } });

export const policyOf = (configs: readonly ParsedConfig[], of: Pod = pod()): PodPolicy =>
  podPolicy(of, configs, { architecture: "x86_64" });

export const problemsOf = (policy: PodPolicy): readonly string[] =>
  policy.problems.map(({ pcmc, reason, severity }) => `${pcmc} ${reason} ${severity}`);
