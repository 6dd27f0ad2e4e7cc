// Against a real API server. Invariants:
// - The server takes what the recorder makes of any object: of a custom resource, in no namespace, with an odd or a long name.
// - kubectl finds the Events of an object and shows how often each was seen.
// - A series goes on when its Event is deleted. A missing permission or a namespace that goes is said, and ends nothing.
import { type Cluster, startCluster } from "@pcmc/devcluster";
import type { Event } from "kubernetes-types/events/v1.d.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/client/client.ts";
import { Events, type NewEvent } from "../../src/events/event.ts";
import { EventRecorder, type EventRecorderOptions } from "../../src/events/recorder.ts";
import { ConfigMaps, defineResource, Namespaces, Nodes, Pods } from "../../src/resource.ts";
import { CustomResourceDefinitions, configOf, Gauges, gaugeDefinition } from "../client/cluster.ts";
import { recordedLog } from "../support/recorded-log.ts";

const ClusterRoles = defineResource({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  plural: "clusterroles",
  namespaced: false,
});

let cluster: Cluster;
let client: Client;
/** A namespace of its own for each test. */
let namespace: string;
let tests = 0;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  client = new Client(configOf(cluster), { userAgent: "events-test/1" });
  await client.create(CustomResourceDefinitions, gaugeDefinition);
  await vi.waitFor(() => client.list(Gauges), { timeout: 20_000 });
});

afterAll(async () => {
  await client?.close();
  await cluster?.stop();
});

beforeEach(async () => {
  namespace = `test-${++tests}`;
  await client.create(Namespaces, { metadata: { name: namespace } });
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A recorder that runs until the test is over, or until `stop`. */
const startRecorder = (options: Partial<EventRecorderOptions> = {}) => {
  const log = recordedLog();
  const recorder = new EventRecorder({
    client,
    reportingController: "example.com/tester",
    reportingInstance: "tester-0",
    flushTimeout: 20_000,
    log,
    ...options,
  });
  const stopping = new AbortController();
  const running = recorder.run({ stop: stopping.signal, kill: new AbortController().signal });
  const stop = () => {
    stopping.abort();
    return running;
  };
  cleanups.push(stop);
  return { recorder, log, stop };
};

const failed = (regarding: NewEvent["regarding"], parts: Partial<NewEvent> = {}): NewEvent => ({
  regarding,
  type: "Warning",
  reason: "TemplateFailed",
  action: "Render",
  note: "line 3: no such field",
  ...parts,
});

const createPod = (name = "web-0") =>
  client.create(Pods, { metadata: { namespace, name }, spec: { containers: [{ name: "a", image: "b" }] } });

const kubectl = async (...args: string[]): Promise<string> => {
  const { stdout, stderr, exitCode } = await cluster.kubectl(args);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return stdout;
};

/** The Events of a namespace as `kubectl get events.events.k8s.io` has them. */
const kubectlEvents = async (): Promise<Event[]> =>
  JSON.parse(await kubectl("get", "events.events.k8s.io", "-n", namespace, "-o", "json")).items;

/** The counts of the series in a namespace, 1 where there is none. */
const counts = async (): Promise<number[]> => {
  const { items } = await client.list(Events, { namespace });
  return items.map(({ series }) => series?.count ?? 1);
};

const recordAndStop = async (...events: NewEvent[]) => {
  const { recorder, log, stop } = startRecorder();
  for (const event of events) recorder.event(event);
  await stop();
  return log;
};

describe("kubectl", () => {
  it("shows an Event as it was recorded", async () => {
    const pod = await createPod();
    const related = await client.create(ConfigMaps, { metadata: { namespace, name: "c" } });
    await recordAndStop(failed(pod, { related }));
    const { uid, resourceVersion } = pod.metadata;
    expect(await kubectlEvents()).toEqual([
      {
        apiVersion: "events.k8s.io/v1",
        kind: "Event",
        metadata: expect.objectContaining({ name: expect.stringMatching(/^web-0\.[0-9a-f]{16}$/), namespace }),
        eventTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
        reportingController: "example.com/tester",
        reportingInstance: "tester-0",
        type: "Warning",
        reason: "TemplateFailed",
        action: "Render",
        note: "line 3: no such field",
        regarding: { apiVersion: "v1", kind: "Pod", namespace, name: "web-0", uid, resourceVersion },
        related: {
          apiVersion: "v1",
          kind: "ConfigMap",
          namespace,
          name: "c",
          uid: related.metadata.uid,
          resourceVersion: related.metadata.resourceVersion,
        },
        deprecatedFirstTimestamp: null,
        deprecatedLastTimestamp: null,
        deprecatedSource: {},
      },
    ]);
  });

  it("finds it by its Pod", async () => {
    await recordAndStop(failed(await createPod()));
    const table = await kubectl("events", "-n", namespace, "--for", "pod/web-0");
    expect(table.trim().split("\n")).toEqual([
      expect.stringMatching(/^LAST SEEN/),
      expect.stringMatching(/Warning +TemplateFailed +Pod\/web-0 +line 3: no such field$/),
    ]);
  });

  it("finds it by its custom resource, in describe too", async () => {
    const gauge = await client.create(Gauges, { metadata: { namespace, name: "g" }, spec: { total: 1 } });
    await recordAndStop(failed(gauge, { type: "Normal", reason: "Settled" }));
    expect(await kubectl("events", "-n", namespace, "--for", "gauge.v1.test.example.com/g")).toContain("Settled");
    expect(await kubectl("describe", "gauges", "g", "-n", namespace)).toMatch(/Normal +Settled .* example.com\/tester/);
  });

  it("says how often a series was seen", async () => {
    const pod = await createPod();
    await recordAndStop(...Array.from({ length: 7 }, () => failed(pod)));
    expect(await kubectl("events", "-n", namespace, "--for", "pod/web-0")).toMatch(/\(x7 over /);
  });
});

describe("a series on the server", () => {
  it("counts the first repeat at once, later ones after the interval", async () => {
    const { recorder } = startRecorder({ refreshInterval: 300 });
    const pod = await createPod();
    recorder.event(failed(pod));
    await vi.waitFor(async () => expect(await counts()).toEqual([1]), { timeout: 10_000 });
    recorder.event(failed(pod));
    await vi.waitFor(async () => expect(await counts()).toEqual([2]), { timeout: 10_000 });
    for (let repeat = 0; repeat < 10; repeat += 1) recorder.event(failed(pod));
    await vi.waitFor(async () => expect(await counts()).toEqual([12]), { timeout: 10_000 });
  });

  it("goes on in a new Event when the old one is deleted", async () => {
    const { recorder, stop } = startRecorder();
    const pod = await createPod();
    recorder.event(failed(pod));
    await vi.waitFor(async () => expect(await counts()).toEqual([1]), { timeout: 10_000 });
    await kubectl("delete", "events.events.k8s.io", "--all", "-n", namespace);
    recorder.event(failed(pod));
    await stop();
    expect(await counts()).toEqual([2]);
  });
});

describe("the server takes an Event", () => {
  it("about an object in no namespace, into the namespace default", async () => {
    const node = await client.create(Nodes, { metadata: { name: `node-${namespace}` } });
    await recordAndStop(failed(node));
    const { items } = await client.list(Events, {
      namespace: "default",
      fieldSelector: `regarding.name=${node.metadata.name}`,
    });
    expect(items).toHaveLength(1);
  });

  it("about an object whose name is no name for an Event, or a very long one", async () => {
    const role = await client.create(ClusterRoles, { metadata: { name: `system:Tester_${namespace}` } });
    const name = `${namespace}-${"x".repeat(220)}.${"y".repeat(10)}`;
    const configMap = await client.create(ConfigMaps, { metadata: { namespace, name } });
    const log = await recordAndStop(failed(role), failed(configMap));
    expect(log.lines).toEqual([]);
  });

  it("with a note that is too long, cut", async () => {
    await recordAndStop(failed(await createPod(), { note: "ä😀".repeat(500) }));
    const [event] = await kubectlEvents();
    expect(Buffer.byteLength(event?.note ?? "")).toBeLessThanOrEqual(1_024);
    expect(event?.note).toMatch(/^(ä😀)+ä?…$/u);
  });
});

describe("a refusal by the server", () => {
  it("for want of permission is said, with what to grant", async () => {
    const { certPem: cert, keyPem: key } = await cluster.addUser({ name: "nobody" });
    const nobody = new Client(configOf(cluster, { cert, key }));
    cleanups.push(() => nobody.close());
    const { recorder, log, stop } = startRecorder({ client: nobody });
    const pod = await createPod();
    recorder.event(failed(pod));
    recorder.event(failed(pod, { reason: "Other" }));
    await stop();
    expect(log.of("warning")).toEqual([expect.stringContaining("grant the verbs create and patch on events")]);
  });

  it("as the namespace is being deleted is no trouble", async () => {
    const pod = await createPod();
    await client.delete(Namespaces, { namespace: "", name: namespace });
    const log = await recordAndStop(failed(pod));
    expect(log.lines).toMatchObject([{ level: "info", fields: { error: { code: 403 } } }]);
  });

  it("as the namespace is not there is no trouble", async () => {
    const log = await recordAndStop(failed({ apiVersion: "v1", kind: "Pod", namespace: "nowhere", name: "web-0" }));
    expect(log.lines).toMatchObject([{ level: "info", fields: { error: { code: 404 } } }]);
  });
});
