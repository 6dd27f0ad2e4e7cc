import { BUSYBOX } from "./images.ts";

/** A namespace for the objects of a test. */
export const namespace = (name: string) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

/** A container that runs a shell script. */
export const shell = (name: string, script: string, more: object = {}) => ({
  name,
  image: BUSYBOX,
  imagePullPolicy: "Never",
  command: ["sh", "-c", script],
  ...more,
});

/** A Pod's template. */
export interface Template {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec: object;
}

/** A Deployment whose Pods carry the label `app` with its name. They are gone at once when they are to go. */
export const deployment = (name: string, replicas: number, { labels, annotations, spec }: Template) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name, ...labels }, annotations },
      spec: { terminationGracePeriodSeconds: 0, ...spec },
    },
  },
});

/** A Pod as the API server has it, as far as these tests look. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly initContainers?: readonly { readonly name: string }[] };
  readonly status: {
    readonly podIP: string;
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
}

/** A list as the API server has it. */
export interface List<T> {
  readonly items: readonly T[];
}
