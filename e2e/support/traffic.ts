import type { Verdicts } from "./ebpf-counts.ts";
import type { Probe } from "./probe.ts";

/** TCP and UDP ports of the target, open and closed. */
export interface Ports {
  readonly open: number;
  readonly closed: number;
  readonly openUdp: number;
  readonly closedUdp: number;
}

/** What the sender says of its traffic. */
interface Traffic {
  readonly openSyns: number;
  readonly openConnects: number;
  readonly openConnected: number;
  readonly closedSyns: number;
  readonly closedConnected: number;
  readonly openDatagrams: number;
  readonly closedDatagrams: number;
}

/** What became of traffic whose every packet is known. */
export interface Passed {
  /** Connections to the open port that were tried, and those that came about: as many. */
  readonly tried: number;
  readonly connected: number;
  /** Connections to the closed port that came about: none. */
  readonly leaked: number;
  /** What should have been counted. */
  readonly wanted: Verdicts;
}

/** What `client` has sent since it was asked for traffic; with `stop` it is the last of it. */
export const trafficSoFar = async (client: Probe, ...words: readonly string[]): Promise<Traffic> =>
  JSON.parse((await client.ask("traffic-so-far", ...words)).join(" "));

/** What should have been counted of it. */
export const verdictsOn = (sent: Traffic): Verdicts => ({
  allowed: sent.openSyns + sent.openDatagrams,
  blocked: sent.closedSyns + sent.closedDatagrams,
  tcp: sent.openSyns + sent.closedSyns,
  udp: sent.openDatagrams + sent.closedDatagrams,
});

/** Runs something while `client` sends without pause to open and closed ports. */
export const underTraffic = async (
  client: Probe,
  { address, ports }: { readonly address: string; readonly ports: Ports },
  run: () => Promise<void>,
): Promise<Passed> => {
  await client.ask("traffic", address, ports.open, ports.closed, ports.openUdp, ports.closedUdp);
  await run();
  const sent = await trafficSoFar(client, "stop");
  return {
    tried: sent.openConnects,
    connected: sent.openConnected,
    leaked: sent.closedConnected,
    wanted: verdictsOn(sent),
  };
};
