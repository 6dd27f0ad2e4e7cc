/**
 * Connections and datagrams between real Pods on a real node, through real policies.
 *
 * Invariants, for TCP and UDP, for IPv4 and IPv6:
 * - blocked > allowed > default; with several PodConfigMapConfigs a packet needs all of them;
 * - who sends does not matter, but for the Pod itself, and the node for the ports of probes;
 * - no form of a packet gets around it: extension headers, fragments, port 0;
 * - a policy is in force as a whole or not at all, and is gone within a second after it stops selecting the Pod;
 * - each verdict counts once as allowed or blocked and once as tcp or udp.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from "vitest";
import { agentLogs, agentMetrics } from "./support/agent.ts";
import { connection, raw, recorded, tcp, udp } from "./support/attempts.ts";
import { countedBy, verdictsAre } from "./support/ebpf-counts.ts";
import { addressesOf, EbpfWorld, NAMESPACE } from "./support/ebpf-world.ts";
import type { Probe } from "./support/probe.ts";
import { until } from "./support/until.ts";

const TARGET = { app: "target" };
const EXPORT = { metricsExport: { enabled: true, updateInterval: "1s" } };

interface Firewall {
  readonly allowedPorts?: readonly number[];
  readonly blockedPorts?: readonly number[];
  readonly defaultAction?: "allow" | "block";
  readonly direction?: "ingress" | "egress" | "both";
  readonly mode?: "enforce" | "audit";
  readonly establishedConnections?: "keep" | "enforce";
}

const firewall = (rules: Firewall) => ({ l4Firewall: { enabled: true, ...rules }, ...EXPORT });

let world: EbpfWorld;
/** The Pod with the policies, one that talks to it, one that has the same servers and no policy, and the node itself. */
let target: Probe;
let client: Probe;
let other: Probe;
let node: Probe;
let to: Record<"target" | "client" | "other", { readonly v4: string; readonly v6: string }>;

/** Gives the target a policy and waits until it is in the kernel. */
const enforce = (rules: Firewall, name = "rules") =>
  world.enforce("target", name, { labels: TARGET, ebpfConfig: firewall(rules) });

const FAMILIES = ["v4", "v6"] as const;

/** How each protocol and family fares at a port: a line each. */
const tries = async (from: Probe, whom: keyof typeof to, port: number) => {
  const lines: string[] = [];
  for (const family of FAMILIES) {
    lines.push(`tcp ${family} ${await tcp(from, to[whom][family], port)}`);
    lines.push(`udp ${family} ${await udp(from, to[whom][family], port)}`);
  }
  return lines;
};

const OPEN = ["tcp v4 connected", "udp v4 answered", "tcp v6 connected", "udp v6 answered"];
const DROPPED = ["tcp v4 timeout", "udp v4 lost", "tcp v6 timeout", "udp v6 lost"];
/** By the sender's own firewall: a datagram is refused at once, a SYN is tried again and again. */
const HELD_BACK = ["tcp v4 timeout", "udp v4 denied", "tcp v6 timeout", "udp v6 denied"];

beforeAll(async () => {
  world = await EbpfWorld.start();
  const ports = "1,80,443,8080,8081,65534,65535";
  await Promise.all(["target", "client", "other"].map((name) => world.run(name, { ports })));
  [target, client, other, node] = await Promise.all([
    world.probe("target"),
    world.probe("client"),
    world.probe("other"),
    world.nodeProbe(),
  ]);
  const addresses = async (name: string) => addressesOf(await world.pod(name));
  to = { target: await addresses("target"), client: await addresses("client"), other: await addresses("other") };
  await isReachable();
});

/** What does not get through later is the firewall's doing: at first, neighbours have to find one another. */
const isReachable = async () => {
  for (const from of [client, other, node]) {
    for (const whom of ["target", "client"] as const) {
      await until(`${whom} is reached`, async () => {
        const lines = await tries(from, whom, 8080);
        if (lines.join() === OPEN.join()) return true;
        throw new Error(lines.join(", "));
      });
    }
  }
};

beforeEach(async () => {
  onTestFailed(async () => console.error(await agentLogs(world.cluster)));
});

afterAll(async () => {
  for (const probe of [target, client, other, node]) probe?.[Symbol.dispose]();
  await world?.[Symbol.asyncDispose]();
});

describe("what comes to a Pod", () => {
  test("is dropped at blocked ports, and passes at all others, where the default is allow", async () => {
    await enforce({ blockedPorts: [8081] });
    expect(await tries(client, "target", 8080)).toEqual(OPEN);
    expect(await tries(client, "target", 8081)).toEqual(DROPPED);
  });

  test("passes at allowed ports, and is dropped at all others, where the default is block", async () => {
    await enforce({ allowedPorts: [8080], defaultAction: "block" });
    expect(await tries(client, "target", 8080)).toEqual(OPEN);
    expect(await tries(client, "target", 8081)).toEqual(DROPPED);
  });

  test("is dropped at a port that is both allowed and blocked", async () => {
    await enforce({ allowedPorts: [8080, 8081], blockedPorts: [8081], defaultAction: "block" });
    expect(await tries(client, "target", 8080)).toEqual(OPEN);
    expect(await tries(client, "target", 8081)).toEqual(DROPPED);
  });

  test("is judged whether it comes from a Pod, from another machine or from the node", async () => {
    for (const from of [client, node]) {
      expect(await tries(from, "target", 8080)).toEqual(OPEN);
      expect(await tries(from, "target", 8081)).toEqual(DROPPED);
    }
    const outside = (port: number) =>
      fetch(`http://${to.target.v4}:${port}/`, { signal: AbortSignal.timeout(500) }).then(
        () => "answered",
        (error: Error) => error.name,
      );
    // The echo of a request is no answer of HTTP, but it is one.
    expect(await outside(8080)).toBe("TypeError");
    expect(await outside(8081)).toBe("TimeoutError");
  });

  test("passes at another Pod that has no policy, and from the Pod itself to others", async () => {
    expect(await tries(client, "other", 8081)).toEqual(OPEN);
    expect(await tries(target, "other", 8081)).toEqual(OPEN);
  });

  test("passes from the Pod to itself, by loopback and by its own addresses", async () => {
    await enforce({ defaultAction: "block", direction: "both" });
    expect(await tries(target, "target", 8081)).toEqual(OPEN);
    for (const loopback of ["127.0.0.1", "::1"]) {
      expect(await tcp(target, loopback, 8081)).toBe("connected");
      expect(await udp(target, loopback, 8081)).toBe("answered");
    }
  });

  test("is judged at the lowest and the highest port as at any other", async () => {
    await enforce({ allowedPorts: [1, 65535], defaultAction: "block" });
    for (const port of [1, 65535]) expect(await tries(client, "target", port)).toEqual(OPEN);
    expect(await tries(client, "target", 65534)).toEqual(DROPPED);
    await enforce({ blockedPorts: [1, 65535] });
    for (const port of [1, 65535]) expect(await tries(client, "target", port)).toEqual(DROPPED);
    expect(await tries(client, "target", 65534)).toEqual(OPEN);
  });

  test("gets no answer at port 0, which nothing can listen on, and does no harm", async () => {
    await enforce({ allowedPorts: [8080], defaultAction: "block" });
    for (const family of FAMILIES) {
      const packet = { protocol: "tcp", source: to.client[family], destination: to.target[family], port: 0 } as const;
      expect(await raw(client, packet)).not.toBe("synack");
    }
    expect(await tcp(client, to.target.v4, 8080)).toBe("connected");
  });

  test("is answered by the kernel where nobody listens, as if there were no policy", async () => {
    for (const family of FAMILIES) expect(await tcp(client, to.target[family], 7777)).toBe("refused");
  });

  test.each([[[0]], [[65536]], [[-1]]])(
    "is not judged by ports that there are not: %j is refused",
    async (blockedPorts) => {
      const policy = { labels: TARGET, ebpfConfig: firewall({ blockedPorts }) };
      await expect(world.configure("refused", policy)).rejects.toThrow(/blockedPorts/);
    },
  );

  test("needs to be allowed by every PodConfigMapConfig that judges it", async () => {
    await enforce({ allowedPorts: [80, 8080], defaultAction: "block" });
    await enforce({ allowedPorts: [8080, 443], defaultAction: "block" }, "more-rules");
    expect(await tries(client, "target", 8080)).toEqual(OPEN);
    expect(await tries(client, "target", 80)).toEqual(DROPPED);
    expect(await tries(client, "target", 443)).toEqual(DROPPED);
    await world.unconfigure("more-rules");
    await until("one is enough", async () =>
      (await tcp(client, to.target.v4, 80)) === "connected" ? true : undefined,
    );
  });
});

describe("what a Pod sends", () => {
  test("is held back by the remote port where the direction is egress, and nothing that comes to it", async () => {
    await enforce({ blockedPorts: [8081], direction: "egress" });
    expect(await tries(target, "client", 8080)).toEqual(OPEN);
    expect(await tries(target, "client", 8081)).toEqual(HELD_BACK);
    expect(await tries(client, "target", 8081)).toEqual(OPEN);
  });

  test("and what comes to it are both judged where the direction is both", async () => {
    await enforce({ allowedPorts: [8080], defaultAction: "block", direction: "both" });
    expect(await tries(target, "client", 8080)).toEqual(OPEN);
    expect(await tries(target, "client", 8081)).toEqual(HELD_BACK);
    expect(await tries(client, "target", 8080)).toEqual(OPEN);
    expect(await tries(client, "target", 8081)).toEqual(DROPPED);
  });

  test("as an answer to a datagram that was let in is no request of its own", async () => {
    await enforce({ allowedPorts: [443], defaultAction: "block", direction: "egress" });
    expect(await tries(client, "target", 8081)).toEqual(OPEN);
  });

  test("is answered, though the port that the answer comes to is closed", async () => {
    await enforce({ defaultAction: "block" });
    expect(await tries(target, "client", 8080)).toEqual(OPEN);
  });

  test("by hand to port 0 is held back like the rest", async () => {
    await enforce({ allowedPorts: [8080], defaultAction: "block", direction: "egress" });
    for (const family of FAMILIES) {
      const packet = { protocol: "tcp", source: to.target[family], destination: to.client[family], port: 0 } as const;
      expect(await raw(target, packet)).toBe("denied");
    }
  });
});

describe("packets that are not of the usual form", () => {
  const from = (family: "v4" | "v6") => ({ source: to.client[family], destination: to.target[family] });

  beforeAll(() => enforce({ allowedPorts: [8080], defaultAction: "block" }));

  test.each(["-", "hop", "destination", "atomic", "hop,destination,atomic", "destination,hop"])(
    "SYN behind the IPv6 extension headers %s is judged by its port",
    async (form) => {
      const packet = { protocol: "tcp", ...from("v6"), form } as const;
      const legal = form === "destination,hop" ? "nothing" : "synack";
      expect(await raw(client, { ...packet, port: 8080 })).toBe(legal);
      expect(await raw(client, { ...packet, port: 8081 })).toBe("nothing");
    },
  );

  test("datagrams behind IPv6 extension headers are judged by their port", async () => {
    const before = await countedBy(world, "target");
    const packet = { protocol: "udp", ...from("v6"), form: "hop,destination,atomic" } as const;
    for (let sent = 0; sent < 5; sent++) await raw(client, { ...packet, port: 8080 });
    for (let sent = 0; sent < 3; sent++) await raw(client, { ...packet, port: 8081 });
    await verdictsAre(world, "target", { before, wanted: { allowed: 5, blocked: 3, tcp: 0, udp: 8 } });
  });

  test.each(FAMILIES)("a datagram in several fragments is judged once, as a whole, over %s", async (family) => {
    const before = await countedBy(world, "target");
    expect(await udp(client, to.target[family], 8080, 9000)).toBe("answered");
    expect(await udp(client, to.target[family], 8081, 9000)).toBe("lost");
    await verdictsAre(world, "target", { before, wanted: { allowed: 1, blocked: 1, tcp: 0, udp: 2 } });
  });

  test("a SYN whose flags stand in the second fragment gets no way in", async () => {
    for (const family of FAMILIES) {
      const packet = { protocol: "tcp", ...from(family), form: "cut:8" } as const;
      expect(await raw(client, { ...packet, port: 8081 })).toBe("nothing");
    }
  });

  test("a SYN whose flags stand in the second fragment gets no way out", async () => {
    await enforce({ allowedPorts: [8080], defaultAction: "block", direction: "egress" });
    for (const family of FAMILIES) {
      const ends = { source: to.target[family], destination: to.client[family] };
      for (const port of [8080, 8081]) {
        expect(await raw(target, { protocol: "tcp", ...ends, port, form: "cut:8" })).toBe("denied");
      }
    }
  });
});

describe("kubelet's probes", () => {
  const probed = {
    labels: { kind: "probed" },
    ports: "8080,8081",
    container: { readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 1 } },
  };

  test("pass though everything is blocked, from the node and to that port alone", async () => {
    await world.configure("probed", {
      labels: probed.labels,
      ebpfConfig: firewall({ defaultAction: "block" }),
    });
    const { metadata } = await world.run("probed", probed);
    await world.inKernel(metadata.name, "probed@1");
    await until("the Pod is ready", async () => {
      const { status } = await world.pod("probed");
      return status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") || undefined;
    });
    const { v4, v6 } = addressesOf(await world.pod("probed"));
    for (const address of [v4, v6]) {
      // The node's end of a new Pod's link makes sure first that its IPv6 address is its own alone.
      await until("the node reaches the port of the probe", async () =>
        (await tcp(node, address, 8080)) === "connected" ? true : undefined,
      );
      expect(await udp(node, address, 8080)).toBe("lost");
      expect(await tcp(node, address, 8081)).toBe("timeout");
      expect(await tcp(client, address, 8080)).toBe("timeout");
    }
    await world.remove("probed");
    await world.unconfigure("probed");
  });
});

describe("connections that stand when the policy changes", () => {
  const open: Firewall = { defaultAction: "allow", direction: "both" };
  const closed: Firewall = { blockedPorts: [8080], direction: "both" };

  test("stay, both ways, and new ones are not made, with establishedConnections: keep", async () => {
    await enforce(open);
    const inwards = await connection(client, to.target.v4, 8080);
    const outwards = await connection(target, to.client.v6, 8080);
    await enforce(closed);
    expect([await inwards.exchange(), await outwards.exchange()]).toEqual(["echoed", "echoed"]);
    expect(await tries(client, "target", 8080)).toEqual(DROPPED);
    expect(await tries(target, "client", 8080)).toEqual(HELD_BACK);
  });

  test("are judged anew, both ways and by who began them, with establishedConnections: enforce", async () => {
    await enforce(open);
    const inwards = await connection(client, to.target.v4, 8080);
    const outwards = await connection(target, to.client.v6, 8080);
    await enforce({ ...closed, direction: "ingress", establishedConnections: "enforce" });
    expect([await inwards.exchange(), await outwards.exchange()]).toEqual(["timeout", "echoed"]);
    await enforce({ ...closed, direction: "egress", establishedConnections: "enforce" });
    expect(await outwards.exchange()).toBe("timeout");
    const allowed = { ...open, establishedConnections: "enforce" } as const;
    await enforce(allowed);
    for (const each of [inwards, outwards]) {
      // What was held back is sent again, later and later.
      await until("it goes on", async () => ((await each.exchange()) === "echoed" ? true : undefined));
    }
  });
});

describe("connections that are older than the firewall", () => {
  test("are judged by who began them, with establishedConnections: enforce", async () => {
    await world.unconfigure();
    await until("nothing is attached", async () => (world.links().length === 0 ? true : undefined));
    const inwards = await connection(client, to.target.v6, 8080);
    const outwards = await connection(target, to.client.v4, 8080);
    await enforce({ blockedPorts: [8080], establishedConnections: "enforce" });
    expect([await inwards.exchange(), await outwards.exchange()]).toEqual(["timeout", "echoed"]);
    await enforce({ blockedPorts: [8080], direction: "egress", establishedConnections: "enforce" });
    expect(await outwards.exchange()).toBe("timeout");
  });
});

describe("audit", () => {
  test("lets everything through and counts what it would have dropped", async () => {
    await enforce({ allowedPorts: [8080], defaultAction: "block", mode: "audit" });
    const before = await countedBy(world, "target");
    expect(await tries(client, "target", 8080)).toEqual(OPEN);
    expect(await tries(client, "target", 8081)).toEqual(OPEN);
    expect(await tries(client, "target", 8081)).toEqual(OPEN);
    await verdictsAre(world, "target", { before, wanted: { allowed: 4, blocked: 8, tcp: 6, udp: 6 } });
  });
});

describe("counters", () => {
  test("have each verdict once, as allowed or blocked and as tcp or udp", async () => {
    await enforce({ allowedPorts: [8080], defaultAction: "block", direction: "both" });
    const before = await countedBy(world, "target");
    for (let time = 0; time < 7; time++) await tcp(client, to.target.v4, 8080);
    for (let time = 0; time < 3; time++) await tcp(client, to.target.v6, 8081, 100);
    await client.ask("ask", to.target.v6, 8080, 11, 400);
    await client.ask("ask", to.target.v4, 8081, 5, 20);
    await target.ask("ask", to.client.v4, 8081, 4, 20);
    await target.ask("ask", to.client.v4, 8080, 2, 400);
    // An answer is a datagram too, and passes because of what was asked.
    const [asked, answers] = [11 + 2, 11 + 2];
    const wanted = { allowed: 7 + asked + answers, blocked: 3 + 5 + 4, tcp: 7 + 3, udp: asked + answers + 5 + 4 };
    await verdictsAre(world, "target", { before, wanted });
  });
});

describe("a policy of a thousand ports", () => {
  const FIRST = 20_000;
  const PORTS = 1000;
  const NUMBERS = 2_000_000;
  const UPDATES = 20;
  const half = (remainder: number) => Array.from({ length: PORTS / 2 }, (_, at) => FIRST + 2 * at + remainder);
  /** The port of a number, as the probe's `sequence` has it. */
  const portOf = (number: number) => FIRST + ((number * 7919) % PORTS);

  test("opens just these", async () => {
    await enforce({ allowedPorts: half(0), defaultAction: "block" });
    using receiver = await world.probe("target");
    await receiver.ask("record", `${FIRST}-${FIRST + PORTS - 1}`, PORTS);
    expect(await client.ask("sequence", to.target.v4, FIRST, PORTS, 0, PORTS, 20)).toEqual(["0"]);
    const wanted = Array.from({ length: PORTS }, (_, number) => portOf(number) % 2 === 0);
    await until("all have come", async () => {
      const seen = await recorded(receiver);
      expect(wanted.map((_, number) => seen(number))).toEqual(wanted);
      return true;
    });
  });

  test("judges not one packet by a mix of old and new while it is replaced under traffic", async () => {
    await enforce({ allowedPorts: half(0), defaultAction: "block" });
    using receiver = await world.probe("target");
    using sender = await world.probe("client");
    await receiver.ask("record", `${FIRST}-${FIRST + PORTS - 1}`, NUMBERS);
    const updated = new AbortController();
    let chunks = 0;
    const sent = sendUntil(sender, updated.signal, () => {
      chunks += 1;
    });
    for (let update = 1; update <= UPDATES; update++) {
      await enforce({ allowedPorts: half(update % 2), defaultAction: "block" });
      // The one that was being sent, and one of which all came later: each policy has judged some.
      const enough = chunks + 2;
      await until("datagrams were sent under it", async () => chunks >= enough || undefined);
    }
    updated.abort();
    const numbers = await sent;
    const seen = await recorded(receiver);
    // Which of the two policies judged each packet: even ports are open in the one, odd ports in the other.
    const judges = Array.from({ length: numbers }, (_, number) => (portOf(number) % 2 === 0) === seen(number));
    const changes = judges.filter((judge, number) => number > 0 && judge !== judges[number - 1]).length;
    expect(judges[0]).toBe(true);
    expect(changes).toBe(UPDATES);
  });

  /** Sends numbered datagrams, twenty a millisecond, without a pause, until it is told to stop. Gives back how many. */
  const sendUntil = async (sender: Probe, stop: AbortSignal, onChunk: () => void): Promise<number> => {
    const chunk = 2_000;
    const send = (from: number) => sender.ask("sequence", to.target.v4, FIRST, PORTS, from, chunk, 20);
    // Always one ahead: the probe does one after the other.
    let next = send(0);
    for (let from = chunk; from + chunk <= NUMBERS; from += chunk) {
      const last = next;
      next = send(from);
      expect(await last).toEqual(["0"]);
      onChunk();
      if (!stop.aborted) continue;
      expect(await next).toEqual(["0"]);
      return from + chunk;
    }
    throw new Error(`${UPDATES} updates took longer than ${NUMBERS} datagrams`);
  };
});

describe("a Pod that is no longer selected", () => {
  test("is open within a second, and nothing of the policy is left", async () => {
    await enforce({ defaultAction: "block" });
    expect(await tcp(client, to.target.v4, 8081)).toBe("timeout");
    const { metadata } = await world.pod("target");
    await world.configure("rules", { labels: { app: "nobody" }, ebpfConfig: firewall({ defaultAction: "block" }) });
    const isDetached = () => world.links().every((path) => !path.includes(metadata.uid));
    const look = async () =>
      (await tcp(client, to.target.v4, 8081, 50)) === "connected" && isDetached() ? true : undefined;
    await until("the port is open and no link is pinned", look, 1_000);
    const attached = { namespace: NAMESPACE, pod_name: "target" };
    // What was counted stays as long as the Pod, in case it is selected again.
    await until("nobody is told of a program any more", async () => {
      expect((await agentMetrics(world.cluster)).sum("ebpf_attached_programs", attached)).toBe(0);
      expect(await world.condition("target")).toBeUndefined();
      return true;
    });
  });
});
