import type { Container, EnvVar, LifecycleHandler } from "kubernetes-types/core/v1.d.ts";
import type { WatcherSpec } from "../api/watcher.ts";

/**
 * Why an API server of an older minor version would refuse any Pod with a Watcher's container; `undefined` where nothing of the
 * kind is seen. Most of what it does not know it drops without harm, which the condition FieldsDropped tells. This is the rest:
 * what it takes for wrong, or what leaves something behind that is. Source: each version's pkg/features/kube_features.go,
 * and dropDisabledFields in pkg/api/pod/util.go.
 *
 * @param minor - 29 of 1.29
 */
export const whyTooNew = ({ container }: WatcherSpec, minor: number): string | undefined => {
  const found = FEATURES.find(({ since, isUsed }) => minor < since && isUsed(container));
  return found && `its container has ${found.what}, which API servers before 1.${found.since} do not take`;
};

interface Feature {
  /** The first minor version that has it on by default. */
  readonly since: number;
  readonly what: string;
  readonly isUsed: (container: Container) => boolean;
}

/** Newer than the types. */
type Sleeping = LifecycleHandler & { readonly sleep?: unknown };
const sleeps = (handler: Sleeping | undefined): boolean => handler?.sleep !== undefined;

type FromFile = EnvVar["valueFrom"] & { readonly fileKeyRef?: unknown };
const isFromFile = ({ valueFrom }: { readonly valueFrom?: FromFile }): boolean => valueFrom?.fileKeyRef !== undefined;

/** Source: Kubernetes' `IsEnvVarName`. Since, all that is printable but `=` may be in a name. */
const PLAIN_NAME = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;
const isRelaxed = (name = ""): boolean => name !== "" && !PLAIN_NAME.test(name);

const FEATURES: readonly Feature[] = [
  {
    since: 30,
    what: "a lifecycle hook that sleeps",
    isUsed: ({ lifecycle }) => sleeps(lifecycle?.preStop) || sleeps(lifecycle?.postStart),
  },
  {
    since: 32,
    what: "an environment variable whose name has other characters than letters, digits, '-', '_' and '.'",
    isUsed: ({ env = [], envFrom = [] }) =>
      env.some(({ name }) => isRelaxed(name)) || envFrom.some(({ prefix }) => isRelaxed(prefix)),
  },
  { since: 35, what: "an environment variable from a file", isUsed: ({ env = [] }) => env.some(isFromFile) },
];
