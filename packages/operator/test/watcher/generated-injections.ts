import fc from "fast-check";
import type {
  Container,
  ContainerPort,
  EnvVar,
  Pod,
  Probe,
  ResourceRequirements,
  Volume,
} from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../../src/api/watcher.ts";
import { readyCondition, watcher } from "./injection-fixtures.ts";

/*
 * Pods that the API server takes, and Watchers that it stores, out of few names, so that they get into each other's way: names
 * of containers and volumes that several have, content that is the same or not, ports of the host, Watchers that are not ready.
 */

const WATCHERS = ["ant", "bee", "cat", "dog"];
const CONTAINERS = ["ant", "shared", "mesh"];
const VOLUMES = ["data", "spool"];

const image = fc.constantFrom("sidecar:1", "sidecar", "registry.example.com/other@sha256:".concat("0".repeat(64)));
const env = fc.constantFrom<EnvVar[]>(
  [],
  [{ name: "MODE", value: "on" }],
  [{ name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
);
const resources = fc.constantFrom<ResourceRequirements>(
  {},
  { limits: { cpu: "0.5", memory: "64Mi" } },
  { requests: { cpu: "100m" }, limits: { cpu: "1" } },
);
const ports = fc.constantFrom<ContainerPort[]>(
  [],
  [{ containerPort: 9000 }],
  [{ containerPort: 9000, hostPort: 9000 }],
);
const probe = fc.constantFrom<Probe | undefined>(
  undefined,
  { httpGet: { port: 9000 } },
  { exec: { command: ["true"] } },
);

const container = (name: fc.Arbitrary<string>): fc.Arbitrary<Container> =>
  fc
    .record({ name, image, env, resources, ports, livenessProbe: probe })
    .map(({ livenessProbe, ...rest }) => ({ ...rest, ...(livenessProbe !== undefined && { livenessProbe }) }));

const volume: fc.Arbitrary<Volume> = fc
  .record({ name: fc.constantFrom(...VOLUMES) })
  .chain((named) =>
    fc.constantFrom<Volume>(
      { ...named, emptyDir: {} },
      { ...named, emptyDir: { sizeLimit: "1Gi" } },
      { ...named, configMap: { name: "settings" } },
      { ...named, secret: { secretName: "keys" } },
    ),
  );

type Status = NonNullable<Watcher["status"]>;

const readiness = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Status>({}) },
  { weight: 1, arbitrary: fc.constant<Status>({ conditions: [readyCondition("False", "ConfigMapConflict")] }) },
  { weight: 1, arbitrary: fc.constant<Status>({ conditions: [] }) },
);

const oneWatcher = (name: string): fc.Arbitrary<Watcher> =>
  fc
    .record({
      container: container(fc.constantFrom(name, name, name, "shared")),
      volume: fc.option(volume, { nil: undefined }),
      isMounted: fc.boolean(),
      imagePullSecrets: fc.constantFrom(undefined, { name: "registry" }, { name: "other" }),
      injectAs: fc.constantFrom("Auto" as const, "Sidecar" as const, "Container" as const),
      podSelector: fc.constantFrom(undefined, null, {}, { matchLabels: { app: "web" } }),
      status: readiness,
    })
    .map(({ container: bare, isMounted, volume: own, imagePullSecrets, podSelector, injectAs, status }) => {
      const mounts = own !== undefined && isMounted ? { volumeMounts: [{ name: own.name, mountPath: "/mnt" }] } : {};
      const spec = {
        container: { ...bare, ...mounts },
        injectAs,
        ...(own !== undefined && { volume: own }),
        ...(imagePullSecrets !== undefined && { imagePullSecrets }),
        ...(podSelector !== undefined && { podSelector }),
      };
      return watcher(name, spec, status);
    });

/** Some Watchers of one namespace. */
export const watchersArbitrary: fc.Arbitrary<readonly Watcher[]> = fc
  .subarray(WATCHERS, { minLength: 2 })
  .chain((names) => fc.tuple(...names.map(oneWatcher)));

const asked = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("ant,bee,cat,dog", "bee,ant", " cat , dog,gone", "false,bee,cat") },
  { weight: 1, arbitrary: fc.constantFrom(undefined, "", "false", "Not Valid") },
);
const REVISION = "x".repeat(16);
const claimed = fc.constantFrom<Record<string, string>>(
  {},
  {},
  { "watch.example.com/injected": "ant,bee", "watch.example.com/injected-revision": `ant=${REVISION},bee=${REVISION}` },
  { "watch.example.com/injected": "cat" },
);

const uniqueBy = <T extends { readonly name: string }>(items: fc.Arbitrary<T>, maxLength: number) =>
  fc.uniqueArray(items, { selector: ({ name }) => name, maxLength });

/** A Pod that the API server takes as it is. */
export const podArbitrary: fc.Arbitrary<Pod> = fc
  .record({
    others: uniqueBy(container(fc.constantFrom(...CONTAINERS, "sidekick")), 3),
    inits: fc.nat(2),
    volumes: uniqueBy(volume, 2),
    asked,
    claimed,
    labels: fc.constantFrom<Record<string, string> | undefined>(undefined, { app: "web" }, { app: "db" }),
    pullSecrets: fc.constantFrom<{ name: string }[] | undefined>(undefined, [{ name: "registry" }]),
    hostNetwork: fc.boolean(),
    restartPolicy: fc.constantFrom("Always", "OnFailure", "Never"),
  })
  .map((parts) => {
    // Init containers of the usual kind have no probes.
    const inits = parts.others.slice(0, parts.inits).map(({ livenessProbe: _, ...init }) => init);
    const others = parts.others.slice(parts.inits).map((other) => ({ ...other, ports: [] }));
    const annotations = {
      ...parts.claimed,
      ...(parts.asked !== undefined && { "watch.example.com/inject": parts.asked }),
    };
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: "web",
        namespace: "shop",
        ...(Object.keys(annotations).length > 0 && { annotations }),
        ...(parts.labels !== undefined && { labels: parts.labels }),
      },
      spec: {
        containers: [{ name: "app", image: "app:1", ports: [{ containerPort: 9000 }] }, ...others],
        ...(inits.length > 0 && { initContainers: inits }),
        ...(parts.volumes.length > 0 && { volumes: parts.volumes }),
        ...(parts.pullSecrets !== undefined && { imagePullSecrets: parts.pullSecrets }),
        ...(parts.hostNetwork && { hostNetwork: true }),
        restartPolicy: parts.restartPolicy,
      },
    };
  });

/** Whether the API server has native sidecars. */
export const optionsArbitrary = fc.record({ nativeSidecars: fc.boolean() });
