import { type Registry, readGauge, type Sample } from "@pcmc/controller-runtime";

/** Before the name of each metric of the product. */
export const PREFIX = "podconfigmap_controller_";

/** What the gauges show, read when they are scraped. */
export interface Gauges {
  /** Keys that wait, by queue. */
  queueDepths(): Iterable<readonly [queue: string, depth: number]>;
  /** Each PodConfigMapConfig with whether it is Ready. */
  readiness(): Iterable<{ readonly namespace: string; readonly name: string; readonly ready: boolean }>;
  /** Each PodConfigMapConfig that has the condition EbpfReady, with whether that is True. */
  ebpfReadiness(): Iterable<{ readonly namespace: string; readonly name: string; readonly ready: boolean }>;
  /** How many generated ConfigMaps each PodConfigMapConfig has. */
  configMaps(): Iterable<{ readonly namespace: string; readonly pcmc: string; readonly count: number }>;
  /**
   * The name of the Lease, and whether we hold it. Not connected: there is no election, and we lead. Only the leader exports
   * what it tells of PodConfigMapConfigs, or a sum over the replicas would count each of them several times.
   */
  leading(): readonly [lock: string, leading: boolean];
}

type Shown = () => Partial<Gauges>;

/** Registers the gauges; `shown` is asked at each scrape. */
export const registerGauges = (registry: Registry, shown: Shown): void => {
  const gauge = (name: string, help: string, read: (shown: Partial<Gauges>) => Iterable<Sample<number>>) =>
    readGauge({ registry, name: `${PREFIX}${name}`, help, read: () => read(shown()) });
  gauge("queue_depth", "Keys that wait to be reconciled.", queueDepths);
  gauge("pcmc_status", "1 where the PodConfigMapConfig's condition Ready is True, else 0.", readiness);
  gauge("pcmc_ebpf_status", "1 where the condition EbpfReady is True, else 0; none without ebpfConfig.", ebpfReadiness);
  gauge("active_configmaps", "Generated ConfigMaps that exist.", configMaps);
  gauge("leader_election_status", "1 where this process holds the Lease, 0 where it stands by.", leadership);
};

function* queueDepths(shown: Partial<Gauges>): Generator<Sample<number>> {
  for (const [queue_name, value] of shown.queueDepths?.() ?? []) yield { labels: { queue_name }, value };
}

const readiness = (shown: Partial<Gauges>) => statuses(shown, shown.readiness);
const ebpfReadiness = (shown: Partial<Gauges>) => statuses(shown, shown.ebpfReadiness);

function* statuses(shown: Partial<Gauges>, read: Gauges["readiness"] | undefined): Generator<Sample<number>> {
  if (standsBy(shown)) return;
  for (const { name, namespace, ready } of read?.() ?? []) yield { labels: { name, namespace }, value: ready ? 1 : 0 };
}

function* configMaps(shown: Partial<Gauges>): Generator<Sample<number>> {
  if (standsBy(shown)) return;
  for (const { namespace, pcmc, count } of shown.configMaps?.() ?? []) {
    yield { labels: { namespace, pcmc_name: pcmc }, value: count };
  }
}

function* leadership(shown: Partial<Gauges>): Generator<Sample<number>> {
  if (shown.leading === undefined) return;
  const [name, leading] = shown.leading();
  yield { labels: { name }, value: leading ? 1 : 0 };
}

const standsBy = ({ leading }: Partial<Gauges>): boolean => leading?.()[1] === false;
