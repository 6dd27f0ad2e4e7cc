// For each namespace with the label census=on, a ConfigMap "census" that says how many Pods are in which phase.
import {
  Cache,
  Client,
  ConfigMaps,
  Controller,
  createLogger,
  LeaderElector,
  loadClusterConfig,
  Manager,
  Namespaces,
  Pods,
  stderrSink,
  stopSignals,
  watch,
} from "@pcmc/controller-runtime";

const log = createLogger({ stream: stderrSink() });
const client = new Client(await loadClusterConfig());
const cache = new Cache({ client, log });

// What is watched, and what of each object is kept: a Pod costs some 200 bytes here.
const namespaces = cache.informer(Namespaces, { project: { metadata: { labels: true } }, labelSelector: "census=on" });
const pods = cache.informer(Pods, { project: { status: { phase: true } } });
const censuses = cache.informer(ConfigMaps, { labelSelector: "app=pod-census" });

/** What should exist: a function of objects, without client, clock or log. */
const desired = (namespace: string): Record<string, string> => {
  const phases = pods.inNamespace(namespace).map(({ status }) => status?.phase ?? "Unknown");
  const counts = Map.groupBy(phases, (phase) => phase);
  return Object.fromEntries([...counts].sort().map(([phase, { length }]) => [phase, String(length)]));
};

const census = (writer: Client) =>
  new Controller({
    name: "census",
    // Which key an event becomes: here always a namespace's name.
    watches: [
      watch(namespaces, ({ metadata }) => metadata.name),
      watch(pods, ({ metadata }) => metadata.namespace),
      watch(censuses, ({ metadata }) => metadata.namespace),
    ],
    // Looks at what is, never at which event came; writes only where something differs.
    reconcile: async (namespace, { signal }) => {
      if (namespaces.get(namespace) === undefined) return;
      const data = desired(namespace);
      const existing = censuses.get(`${namespace}/census`);
      if (JSON.stringify(Object.entries(existing?.data ?? {}).sort()) === JSON.stringify(Object.entries(data))) return;
      const metadata = { name: "census", namespace, labels: { app: "pod-census" } };
      await writer.apply(ConfigMaps, { metadata, data }, { force: true, signal });
    },
    log,
  });

using signals = stopSignals();
await new Manager({
  cache,
  // Made anew for each term; whatever writes asks first whether the term still holds.
  led: (term) => [census(client.guardedBy(() => term.assertHeld()))],
  elector: new LeaderElector({
    client,
    lock: { namespace: "default", name: "pod-census" },
    identity: `census-${process.pid}`,
    leaseDuration: 15_000,
    renewDeadline: 10_000,
    retryPeriod: 2_000,
    log,
  }),
  log,
}).run(signals);
await client.close();
