import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import type { OpenBinding, RbacReference } from "../../access/bindings.ts";
import type { Coverage, Reader } from "../../access/readers.ts";
import type { Subject } from "../../access/subject.ts";
import type { Answer } from "../who-can-read.ts";

/** What `-o json` prints; docs/reference/who-can-read.md says what each field means. Fields may be added, none changes. */
interface Printed {
  readonly deployment: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly pods: readonly string[];
  readonly readers: readonly {
    readonly subject: Subject;
    readonly logs: Coverage;
    readonly kubectlLogs: Coverage;
    readonly grants: readonly PrintedGrant[];
  }[];
  readonly openBindings: readonly {
    readonly binding: RbacReference;
    readonly role: RbacReference;
    readonly subjects: readonly Subject[];
    readonly why: OpenBinding["why"];
  }[];
  readonly unseen: readonly { readonly resource: string; readonly namespace?: string }[];
}

interface PrintedGrant extends Coverage {
  readonly binding: RbacReference;
  readonly role: RbacReference;
  readonly rule: PolicyRule;
  readonly group?: string;
}

/** The answer for programs. */
export const jsonOf = ({ deployment, pods, readers, open, unseen }: Answer): string => {
  const { namespace = "", name, uid } = deployment.metadata;
  const printed: Printed = {
    deployment: { namespace, name, uid },
    pods,
    readers: readers.map(printedReader),
    openBindings: open.map(({ binding, role, subjects, why }) => ({ binding, role, subjects, why })),
    unseen: unseen.map(({ message, ...rest }) => rest),
  };
  return `${JSON.stringify(printed, null, 2)}\n`;
};

const printedReader = ({ subject, logs, kubectlLogs, grants }: Reader): Printed["readers"][number] => ({
  subject,
  logs: printedCoverage(logs),
  kubectlLogs: printedCoverage(kubectlLogs),
  grants: grants.map(({ binding, role, rule, group, ...coverage }) => ({
    binding,
    role,
    rule,
    ...printedCoverage(coverage),
    ...(group !== undefined && { group }),
  })),
});

const printedCoverage = ({ everyPod, pods }: Coverage): Coverage => ({ everyPod, pods });
