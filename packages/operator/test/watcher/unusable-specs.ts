import type { Container } from "kubernetes-types/core/v1.d.ts";
import type { WatcherSpec } from "../../src/api/watcher.ts";

const having = (fields: Partial<Container>): WatcherSpec => ({ container: { name: "w", image: "i", ...fields } });

const mounting = (...mounts: readonly (readonly [string, string])[]): WatcherSpec => ({
  ...having({ volumeMounts: mounts.map(([name, mountPath]) => ({ name, mountPath })) }),
  volume: { name: "v", emptyDir: {} },
});

/** Specs that the API server refuses in any Pod, by what is wrong with them. */
export const unusableSpecs: readonly (readonly [string, WatcherSpec])[] = [
  ["no image", { container: { name: "w" } }],
  ["an image with a blank", having({ image: " i" })],
  ["no name", having({ name: "" })],
  ["a name that is none", having({ name: "W_" })],
  ["a mount of another volume", mounting(["other", "/m"])],
  ["two mounts at one path", mounting(["v", "/m"], ["v", "/m"])],
  ["a volume without a name", { ...having({}), volume: { name: "", emptyDir: {} } }],
  ["port 0", having({ ports: [{ containerPort: 0 }] })],
  ["port 65536", having({ ports: [{ containerPort: 65_536 }] })],
  ["port 65536 of the host", having({ ports: [{ containerPort: 1, hostPort: 65_536 }] })],
  ["a port's name that is none", having({ ports: [{ name: "1", containerPort: 1 }] })],
  ["a port's name that is too long", having({ ports: [{ name: "a-name-too-long-", containerPort: 1 }] })],
  ["one name for two ports", having({ ports: [1, 2].map((containerPort) => ({ name: "a", containerPort })) })],
  ["a port of the host twice", having({ ports: [1, 2].map((containerPort) => ({ containerPort, hostPort: 9 })) })],
  ["a variable without a name", having({ env: [{ name: "", value: "1" }] })],
  ["a variable with = in its name", having({ env: [{ name: "A=B", value: "1" }] })],
  [
    "a variable with two values",
    having({ env: [{ name: "A", value: "1", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] }),
  ],
  ["a variable from nowhere", having({ env: [{ name: "A", valueFrom: {} }] })],
  ["a request above its limit", having({ resources: { requests: { cpu: "1" }, limits: { cpu: "500m" } } })],
  ["a probe of nothing", having({ livenessProbe: { periodSeconds: 5 } })],
  ["a probe of two things", having({ readinessProbe: { exec: { command: ["true"] }, tcpSocket: { port: 1 } } })],
  ["a threshold of a liveness probe", having({ livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } })],
];

/** Specs with the like of it that is right. */
export const usableSpecs: readonly (readonly [string, WatcherSpec])[] = [
  ["the smallest one", having({})],
  [
    "ports",
    having({
      ports: [
        { name: "a-b", containerPort: 65_535 },
        { containerPort: 1, hostPort: 1 },
      ],
    }),
  ],
  [
    "one port in two protocols",
    having({ ports: ["TCP", "UDP"].map((protocol) => ({ containerPort: 1, hostPort: 1, protocol })) }),
  ],
  ["variables", having({ env: [{ name: "a.b-c", value: "1" }, { name: "A" }] })],
  ["a request that is its limit", having({ resources: { requests: { cpu: "1" }, limits: { cpu: "1000m" } } })],
  ["a threshold of a readiness probe", having({ readinessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } })],
  ["mounts", mounting(["v", "/m"], ["v", "/n"])],
];
