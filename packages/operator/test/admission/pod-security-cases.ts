import type { Container, SecurityContext } from "kubernetes-types/core/v1.d.ts";
import type { Judged } from "../../src/admission/injection/pod-security.ts";

type Verdict = "allowed" | "refused";

export interface PodSecurityCase {
  readonly what: string;
  readonly judged: Judged;
  readonly baseline: Verdict;
  readonly restricted: Verdict;
  /** The minor version that brought the check, where that is newer than the oldest one supported. */
  readonly since?: string;
}

/** A container that holds to the profile Restricted. */
export const hardened: Container & { readonly securityContext: SecurityContext } = {
  name: "w",
  image: "w:1",
  securityContext: {
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  },
};

const withContext = (change: object): Judged => ({
  container: { ...hardened, securityContext: { ...hardened.securityContext, ...change } },
});
const withContainer = (change: Partial<Container>): Judged => ({ container: { ...hardened, ...change } });
const withVolume = (source: object): Judged => ({ container: hardened, volume: { name: "v", ...source } });

const both = (what: string, judged: Judged): PodSecurityCase => ({
  what,
  judged,
  baseline: "refused",
  restricted: "refused",
});
const fine = (what: string, judged: Judged): PodSecurityCase => ({
  what,
  judged,
  baseline: "allowed",
  restricted: "allowed",
});
const onlyRestricted = (what: string, judged: Judged): PodSecurityCase => ({
  what,
  judged,
  baseline: "allowed",
  restricted: "refused",
});

export const podSecurityCases: readonly PodSecurityCase[] = [
  fine("a hardened container", { container: hardened }),
  onlyRestricted("a container that says nothing", { container: { name: "w", image: "i" } }),
  fine("what the Pod says for all its containers", {
    container: {
      ...hardened,
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    },
    pod: { securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } } },
  }),
  both("privileged", withContext({ privileged: true, allowPrivilegeEscalation: true })),
  both("a capability beyond the default ones", withContext({ capabilities: { drop: ["ALL"], add: ["BPF"] } })),
  onlyRestricted("a default capability", withContext({ capabilities: { drop: ["ALL"], add: ["CHOWN"] } })),
  fine("NET_BIND_SERVICE", withContext({ capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } })),
  onlyRestricted("no dropped capabilities", withContext({ capabilities: {} })),
  onlyRestricted("privilege escalation", withContext({ allowPrivilegeEscalation: true })),
  onlyRestricted("root by permission", withContext({ runAsNonRoot: false })),
  onlyRestricted("root by number", withContext({ runAsUser: 0, runAsNonRoot: undefined })),
  both("an unconfined seccomp profile", withContext({ seccompProfile: { type: "Unconfined" } })),
  onlyRestricted("no seccomp profile", withContext({ seccompProfile: undefined })),
  {
    ...both("an unconfined AppArmor profile", withContext({ appArmorProfile: { type: "Unconfined" } })),
    since: "1.30",
  },
  fine("an AppArmor profile", withContext({ appArmorProfile: { type: "RuntimeDefault" } })),
  both("a SELinux type that is not for containers", withContext({ seLinuxOptions: { type: "spc_t" } })),
  fine("a SELinux type that is", withContext({ seLinuxOptions: { type: "container_init_t", level: "s0" } })),
  both("a SELinux user", withContext({ seLinuxOptions: { user: "u" } })),
  both("a SELinux role", withContext({ seLinuxOptions: { role: "r" } })),
  both("a port of the host", withContainer({ ports: [{ containerPort: 80, hostPort: 80 }] })),
  fine("a port", withContainer({ ports: [{ containerPort: 80 }] })),
  {
    ...both(
      "a probe that goes elsewhere",
      withContainer({ livenessProbe: { httpGet: { port: 80, host: "example.com" } } }),
    ),
    since: "1.34",
  },
  fine("a probe of the Pod", withContainer({ livenessProbe: { httpGet: { port: 80 } } })),
  {
    ...both(
      "a hook that goes elsewhere",
      withContainer({ lifecycle: { preStop: { httpGet: { port: 80, host: "127.0.0.1" } } } }),
    ),
    since: "1.34",
  },
  both("a hostPath", withVolume({ hostPath: { path: "/" } })),
  onlyRestricted("a volume over the network", withVolume({ nfs: { server: "nfs", path: "/" } })),
  fine("an emptyDir", withVolume({ emptyDir: {} })),
  fine("a ConfigMap", withVolume({ configMap: { name: "c" } })),
  fine("a volume without a kind", withVolume({})),
];
