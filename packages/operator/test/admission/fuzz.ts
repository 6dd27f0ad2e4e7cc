import { Agent } from "node:https";
import type { AdmissionRoute, Random } from "@pcmc/controller-runtime";
import { seededRandom } from "../../../controller-runtime/test/queue/seeded-random.ts";
import { mutated } from "../../../controller-runtime/test/webhook/mutation.ts";
import { type Answer, review, startServer } from "../../../controller-runtime/test/webhook/rig.ts";
import { AccessReviews } from "../../src/admission/access-reviews.ts";
import { podConfigMapConfigRoute } from "../../src/admission/handler.ts";
import { injectionRoute } from "../../src/admission/injection/handler.ts";
import { watcherRoute } from "../../src/admission/watcher/handler.ts";
import { fullContainer, fullVolumes, otherContainer } from "../api/pod-parts.ts";
import { asking, watcher } from "../watcher/injection-fixtures.ts";
import { contentEngine } from "./fixtures.ts";
import { jsonOf, mutatedObject } from "./fuzz-objects.ts";

/** What came back for many mutated reviews. */
export interface FuzzReport {
  /** How many by HTTP status, and of the answers how many by what they say. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** What should not have come back, with the seed that shows it again. */
  readonly faults: readonly string[];
}

/** The kinds of objects that come to a webhook of ours. */
export type FuzzedKind = "PodConfigMapConfig" | "Watcher" | "Pod";

/** Requests at a time. */
const WORKERS = 16;
/** Of so many reviews one is broken as a text, which mostly makes it none. */
const BROKEN_EACH = 8;

class WillingReviews extends AccessReviews {
  constructor() {
    super({ client: { create: () => Promise.reject(new Error("not reached")) }, clock: { now: () => 0 } });
  }
  override async allows(): Promise<boolean> {
    return true;
  }
}

const reviews = new WillingReviews();
const known = [watcher("w", { podSelector: { matchLabels: { app: "web" } } }), watcher("v")].map((object) => ({
  ...object,
  metadata: { name: "", uid: "", resourceVersion: "1", ...object.metadata },
}));

const ROUTES: Readonly<Record<FuzzedKind, AdmissionRoute>> = {
  PodConfigMapConfig: podConfigMapConfigRoute({ engine: contentEngine, reviews }),
  Watcher: watcherRoute({ reviews }),
  Pod: injectionRoute({
    watchers: { missing: false, syncedIn: () => true, inNamespace: () => known },
    namespaces: { labelsOf: () => ({ "pod-security.kubernetes.io/enforce": "restricted" }) },
    nativeSidecars: { supported: true, minor: 33 },
    ownNamespace: "ops",
    watchNamespaces: [],
  }),
};

const selector = {
  matchLabels: { app: "web", "example.com/tier": "" },
  matchExpressions: [
    { key: "a", operator: "In", values: ["b", "c"] },
    { key: "d", operator: "Exists" },
  ],
};

const volumeMounts = [{ name: "v", mountPath: "/v", subPath: "a/b", readOnly: true, mountPropagation: "None" }];
const asSidecar = {
  container: { ...fullContainer, volumeMounts, restartPolicy: "Always" },
  injectAs: "Sidecar",
};
const asContainer = {
  container: {
    ...otherContainer,
    volumeMounts,
    restartPolicy: "OnFailure",
    restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [1] } }],
  },
  injectAs: "Container",
};

const fullWatcher = (volume: object, rest: object): object => ({
  apiVersion: "watch.example.com/v1alpha1",
  kind: "Watcher",
  metadata: { name: "w", namespace: "default" },
  spec: {
    volume,
    configData: { LEVEL: "info", "app.conf": "a" },
    configBinaryData: { "app.bin": "AAEC" },
    imagePullSecrets: { name: "registry" },
    podSelector: selector,
    rollout: "OnChange",
    ...rest,
  },
});

/** With every field, all of it valid: a Watcher for each source of a volume. */
const OBJECTS: Readonly<Record<FuzzedKind, readonly object[]>> = {
  PodConfigMapConfig: [
    {
      apiVersion: "podconfig.example.com/v1alpha1",
      kind: "PodConfigMapConfig",
      metadata: { name: "a", namespace: "default", labels: { app: "web" }, generation: 1 },
      spec: {
        podSelector: selector,
        labelsToInclude: ["app", "example.com/tier"],
        annotationsToInclude: ["example.com/owner"],
        configMapDataTemplate: { "app.conf": "name={{ .podName }}", tier: '{{ index .labels "tier" }}' },
        ebpfConfig: {
          syscallMonitoring: { enabled: true, syscallNames: ["openat", "connect"] },
          l4Firewall: {
            enabled: true,
            allowedPorts: [80, 443],
            blockedPorts: [22],
            defaultAction: "block",
            direction: "ingress",
            mode: "enforce",
            establishedConnections: "keep",
          },
          metricsExport: { enabled: true, updateInterval: "10s" },
          onFailure: "allow",
        },
      },
      status: { conditions: [] },
    },
  ],
  Watcher: [
    ...fullVolumes.map((volume, at) => fullWatcher(volume, at % 2 === 0 ? asSidecar : asContainer)),
    fullWatcher({ name: "v", configMap: { name: "w-config" } }, asSidecar),
    fullWatcher(
      { name: "v", persistentVolumeClaim: { claimName: "c" } },
      { container: { ...fullContainer, volumeDevices: [{ name: "v", devicePath: "/dev/v" }] } },
    ),
  ],
  Pod: [
    asking("w,v,gone", {
      labels: { app: "web" },
      spec: {
        initContainers: [{ name: "init", image: "init:1", restartPolicy: "Always", command: ["true"] }],
        containers: [
          {
            name: "app",
            image: "app:1",
            ports: [{ name: "http", containerPort: 8080, hostPort: 8080 }],
            volumeMounts: [{ name: "data", mountPath: "/data", subPath: "a" }],
            resources: { limits: { cpu: "1" } },
          },
        ],
        volumes: [{ name: "data", emptyDir: {} }],
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      },
    }),
  ],
};

const RESOURCES: Readonly<
  Record<FuzzedKind, { readonly group: string; readonly version: string; readonly resource: string }>
> = {
  PodConfigMapConfig: { group: "podconfig.example.com", version: "v1alpha1", resource: "podconfigmapconfigs" },
  Watcher: { group: "watch.example.com", version: "v1alpha1", resource: "watchers" },
  Pod: { group: "", version: "v1", resource: "pods" },
};

/** A review of a write. */
const reviewOf = (kind: FuzzedKind, write: object): string => {
  const { resource, ...version } = RESOURCES[kind];
  return review({
    kind: { ...version, kind },
    resource: { ...version, resource },
    requestKind: null,
    requestResource: null,
    ...write,
  });
};

/** The body of a mutated object's, created or written over a sound one, or over another mutated one. */
const bodyOf = (kind: FuzzedKind, seed: number): Buffer => {
  const random = seededRandom(Math.imul(seed, 2_654_435_761));
  const samples = OBJECTS[kind];
  const sound = samples[seed % samples.length] ?? {};
  const write = kind === "Pod" ? { object: decodedPod(sound, random) } : writeOf(sound, random);
  const text = jsonOf(JSON.parse(reviewOf(kind, write)));
  return kind !== "Pod" && seed % BROKEN_EACH === 0 ? mutated(text, random) : Buffer.from(text);
};

const writeOf = (sound: object, random: Random): object => {
  const object = mutatedObject(sound, random);
  const chance = random();
  if (chance < 0.5) return { object };
  return { object, operation: "UPDATE", oldObject: chance < 0.75 ? sound : mutatedObject(sound, random) };
};

/**
 * The definitions' kinds come as somebody wrote them, Pods as the API server has decoded them and before it has looked at them: with
 * a list of containers that may be null, and with no item that is.
 */
const decodedPod = (sound: object, random: Random): object => {
  const { metadata, spec } = { metadata: {}, spec: {}, ...Object(mutatedObject(sound, random, "typed")) };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: null, ...spec } };
};

/** What came back for an object as it stands. */
export interface SoundAnswer {
  readonly object: { readonly spec?: unknown };
  readonly allowed: boolean;
  readonly warnings: readonly string[];
}

/** Sends a review of each object from which the mutated ones of a kind are made. */
export const soundAnswers = async (kind: FuzzedKind): Promise<readonly SoundAnswer[]> => {
  await using server = await startServer({ routes: { "/fuzzed": ROUTES[kind] } });
  const answerOf = async (object: object): Promise<SoundAnswer> => {
    const { text } = await server.send({ path: "/fuzzed?timeout=10s", body: reviewOf(kind, { object }) });
    const { allowed, warnings = [] } = JSON.parse(text).response;
    return { object, allowed, warnings };
  };
  return await Promise.all(OBJECTS[kind].map(answerOf));
};

/** Sends `count` reviews of mutated objects of a kind to its webhook as it is served: the same for the same seed. */
export const fuzz = async (kind: FuzzedKind, count: number, seed: number): Promise<FuzzReport> => {
  await using server = await startServer({ routes: { "/fuzzed": ROUTES[kind] } });
  const agent = new Agent({ keepAlive: true, maxSockets: WORKERS });
  const outcomes: Record<string, number> = {};
  const faults: string[] = [];
  let next = 0;
  const work = async () => {
    while (next < count) {
      const number = seed + next++;
      const answer = await server
        .send({ path: "/fuzzed?timeout=10s", body: bodyOf(kind, number), agent })
        .catch(failed);
      const { outcome, isFault } = judged(answer);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      if (isFault) faults.push(`seed ${number}: ${outcome}: ${answer.text.slice(0, 500)}`);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  agent.destroy();
  if (Object.hasOwn(Object.prototype, "polluted")) faults.push("a prototype has been changed");
  return { outcomes, faults };
};

const failed = (error: unknown): Answer => ({ status: 0, headers: {}, text: String(error) });

const judged = ({ status, text }: Answer): { readonly outcome: string; readonly isFault: boolean } => {
  if (status !== 200) return { outcome: String(status), isFault: status < 400 || status >= 500 };
  const { allowed, patch, status: denial } = JSON.parse(text).response;
  if (patch !== undefined) return { outcome: "patched", isFault: false };
  if (allowed) return { outcome: "allowed", isFault: false };
  return { outcome: "denied", isFault: !(denial?.code < 500) };
};
