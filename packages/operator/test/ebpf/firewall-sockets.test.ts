/**
 * Invariants of the firewall's programs, attached to a cgroup whose processes have real sockets:
 * - a blocked SYN opens no connection; one that stands is left alone, or with `enforce` judged by the side that opened it;
 * - an answer to a UDP request of the Pod's own comes in whatever ingress says, and one to a datagram that was let in goes out;
 * - who was answered through an open port is no one the Pod asked: once the port is closed, it is outside;
 * - what would be blocked in audit mode opens nothing;
 * - the Pod talks to itself freely;
 * - a policy is replaced whole: no packet is judged by a mix of two.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FirewallPolicy } from "../../src/ebpf/policy.ts";
import { uniform } from "../../src/ebpf/port-bitmap.ts";
import { noCgroups, type TestCgroups, testCgroups } from "./support/cgroups.ts";
import { auditing, enforcing, firewallPolicy, list, noFirewall, TestFirewall } from "./support/firewall.ts";
import { ADDRESSES, noNamespaces, type Peer, type Wire, wire } from "./support/peers.ts";
import { noCompiler, relisten } from "./support/relisten.ts";
import { until } from "./support/until.ts";

const unable = noFirewall ?? noCgroups ?? noNamespaces;
const { pod, world, node } = ADDRESSES;
const NOTHING = enforcing(uniform("block"));

describe.skipIf(unable)(`between sockets${unable ? ` (skipped: ${unable})` : ""}`, () => {
  let cgroups: TestCgroups;
  let peers: Wire;
  beforeAll(async () => {
    cgroups = testCgroups();
    peers = await wire(cgroups.make("pod"));
  });
  afterAll(async () => {
    await peers?.[Symbol.asyncDispose]();
    await cgroups?.[Symbol.asyncDispose]();
  });

  let firewall: TestFirewall;
  let attached: Disposable;
  let generation = 0n;
  /** Ports and names that no test before has used. */
  let unused = 20_000;
  const next = () => unused++;
  beforeEach(() => {
    firewall = new TestFirewall();
    attached = firewall.attach(`${cgroups.root}/pod`);
  });
  afterEach(async () => {
    // First, so that the ends of connections arrive.
    attached[Symbol.dispose]();
    // A connection that is waiting for an answer would be tried again, and counted in a later test.
    await Promise.all([peers.pod, peers.world].map((peer) => peer.do({ do: "disconnect" })));
    firewall[Symbol.dispose]();
  });

  const apply = (policy: Partial<FirewallPolicy>): void => {
    generation += 1n;
    firewall.replace({ firewall: firewallPolicy(policy), generation, nodeAddresses: [node.ipv4, node.ipv6] });
  };
  const blocked = (): bigint => firewall.counters().ingress.blocked + firewall.counters().egress.blocked;

  /** Waits until `work` has had a packet blocked. What it returns stays open. */
  const seenBlocked = async (work: () => Promise<unknown>): Promise<{ readonly done: () => boolean }> => {
    const before = blocked();
    let isDone = false;
    work().then(
      () => {
        isDone = true;
      },
      () => {},
    );
    await until(() => blocked() > before);
    return { done: () => isDone };
  };

  const connect = async (from: Peer, host: string, port: number, source?: string): Promise<string> => {
    const name = `connection-${next()}`;
    await from.do({ do: "connect", name, host, port, ...(source === undefined ? {} : { from: source }) });
    return name;
  };
  const listen = async (at: Peer): Promise<number> => {
    const port = next();
    await at.do({ do: "listen", port });
    return port;
  };

  describe.each(["ipv4", "ipv6"] as const)("over %s", (family) => {
    /** A UDP socket that says what it has received. */
    const udpSocket = async (at: Peer) => {
      const [name, port] = [`socket-${next()}`, next()];
      // The world has two addresses: its answers are to come from the one that was asked.
      await at.do({ do: "bind", name, host: at === peers.pod ? pod[family] : world[family], port });
      return {
        port,
        send: (host: string, to: number, text: string) => at.do({ do: "send", name, host, port: to, text }),
        received: async () => String(await at.do({ do: "received", name })),
      };
    };

    test("a connection to an open port is made and one to a closed port is not, in and out", async () => {
      const [open, closed] = [await listen(peers.pod), await listen(peers.pod)];
      const [outOpen, outClosed] = [await listen(peers.world), await listen(peers.world)];
      apply({ ingress: enforcing(list({ allowed: [open] })), egress: enforcing(list({ blocked: [outClosed] })) });
      await peers.world.do({ do: "exchange", name: await connect(peers.world, pod[family], open) });
      await peers.pod.do({ do: "exchange", name: await connect(peers.pod, world[family], outOpen) });
      expect(firewall.counters()).toMatchObject({
        ingress: { allowed: 1n, blocked: 0n, tcp: 1n, udp: 0n },
        egress: { allowed: 1n, blocked: 0n, tcp: 1n, udp: 0n },
      });
      const incoming = await seenBlocked(() => connect(peers.world, pod[family], closed));
      const outgoing = await seenBlocked(() => connect(peers.pod, world[family], outClosed));
      expect([incoming.done(), outgoing.done()]).toEqual([false, false]);
    });

    test("a connection that stands outlives the closing of its port with keep, and new ones do not come in", async () => {
      const port = await listen(peers.pod);
      apply({ ingress: enforcing(uniform("allow")) });
      const name = await connect(peers.world, pod[family], port);
      apply({ ingress: enforcing(list({ blocked: [port] })) });
      await peers.world.do({ do: "exchange", name });
      const another = await seenBlocked(() => connect(peers.world, pod[family], port));
      expect(another.done()).toBe(false);
      await peers.world.do({ do: "exchange", name });
    });

    test("with enforce it stalls while its port is closed, though nothing listens any more, and goes on when it opens", async () => {
      const port = await listen(peers.pod);
      apply({ ingress: enforcing(uniform("allow")), established: "enforce" });
      const name = await connect(peers.world, pod[family], port);
      await peers.world.do({ do: "exchange", name });
      await peers.pod.do({ do: "stopListening", port });
      apply({ ingress: enforcing(list({ blocked: [port] })), established: "enforce" });
      const exchange = peers.world.do.bind(peers.world, { do: "exchange", name } as const);
      const stalled = await seenBlocked(exchange);
      expect(stalled.done()).toBe(false);
      apply({ ingress: enforcing(uniform("allow")), established: "enforce" });
      await until(stalled.done);
    });

    test("with enforce in audit mode a connection goes on, and counts as blocked once for each policy that would cut it", async () => {
      const port = await listen(peers.pod);
      apply({ ingress: enforcing(uniform("allow")), established: "enforce" });
      const standing = await connect(peers.world, pod[family], port);
      const audit = { ingress: auditing(list({ blocked: [port] })), established: "enforce" } as const;
      const exchangeThrice = async (name: string): Promise<void> => {
        for (const _ of [1, 2, 3]) await peers.world.do({ do: "exchange", name });
      };
      apply(audit);
      await exchangeThrice(standing);
      expect(blocked()).toBe(1n);
      apply(audit);
      await exchangeThrice(standing);
      expect(blocked()).toBe(2n);
      // A new one counts with its SYN, and no more.
      await exchangeThrice(await connect(peers.world, pod[family], port));
      expect(blocked()).toBe(3n);
    });

    test("with enforce, a connection that the Pod opened is judged by egress alone", async () => {
      const port = await listen(peers.world);
      apply({ ingress: NOTHING, egress: enforcing(uniform("allow")), established: "enforce" });
      const name = await connect(peers.pod, world[family], port);
      await peers.pod.do({ do: "exchange", name });
      apply({
        ingress: enforcing(uniform("allow")),
        egress: enforcing(list({ blocked: [port] })),
        established: "enforce",
      });
      const stalled = await seenBlocked(() => peers.pod.do({ do: "exchange", name }));
      expect(stalled.done()).toBe(false);
      expect(firewall.counters().ingress.blocked).toBe(0n);
    });

    test("with enforce, connections older than the programs are told apart by what listens", async () => {
      attached[Symbol.dispose]();
      const [port, outPort] = [await listen(peers.pod), await listen(peers.world)];
      const inbound = await connect(peers.world, pod[family], port);
      const outbound = await connect(peers.pod, world[family], outPort);
      apply({ ingress: NOTHING, established: "enforce" });
      attached = firewall.attach(`${cgroups.root}/pod`);
      await peers.pod.do({ do: "exchange", name: outbound });
      const stalled = await seenBlocked(() => peers.world.do({ do: "exchange", name: inbound }));
      expect(stalled.done()).toBe(false);
    });

    test("from the node's address the probe port is open, and to others it is closed", async () => {
      const port = await listen(peers.pod);
      apply({ ingress: NOTHING, established: "enforce", probePorts: [port] });
      const name = await connect(peers.world, pod[family], port, node[family]);
      await peers.world.do({ do: "exchange", name });
      const stranger = await seenBlocked(() => connect(peers.world, pod[family], port, world[family]));
      expect(stranger.done()).toBe(false);
    });

    test("the Pod talks to itself, by loopback and by its own address, and that counts nowhere", async () => {
      const port = await listen(peers.pod);
      apply({ ingress: NOTHING, egress: NOTHING, established: "enforce" });
      for (const host of [family === "ipv4" ? "127.0.0.1" : "::1", pod[family]]) {
        await peers.pod.do({ do: "exchange", name: await connect(peers.pod, host, port) });
      }
      const zero = { allowed: 0n, blocked: 0n, tcp: 0n, udp: 0n };
      expect(firewall.counters()).toMatchObject({ ingress: zero, egress: zero });
    });

    test("an answer to the Pod's own datagram comes in by a closed port, and nothing else does", async () => {
      const mine = await udpSocket(peers.pod);
      const [server, stranger] = [await udpSocket(peers.world), await udpSocket(peers.world)];
      apply({ ingress: NOTHING });
      await mine.send(world[family], server.port, "question");
      await until(async () => (await server.received()) === "question");
      await server.send(pod[family], mine.port, "answer");
      await until(async () => (await mine.received()) === "answer");
      await seenBlocked(() => stranger.send(pod[family], mine.port, "no answer"));
      await server.send(pod[family], mine.port, "more");
      await until(async () => (await mine.received()) === "answer,more");
      expect(firewall.counters().ingress).toEqual({ allowed: 2n, blocked: 1n, tcp: 0n, udp: 3n });
    });

    test("an answer to another socket's question does not come in", async () => {
      const [mine, other] = [await udpSocket(peers.pod), await udpSocket(peers.pod)];
      const server = await udpSocket(peers.world);
      apply({ ingress: NOTHING });
      await mine.send(world[family], server.port, "question");
      await until(async () => (await server.received()) === "question");
      await seenBlocked(() => server.send(pod[family], other.port, "answer"));
      expect(await other.received()).toBe("");
    });

    test("an answer to a datagram that was let in goes out by a closed port, and a request of the Pod's does not", async () => {
      const mine = await udpSocket(peers.pod);
      const [client, server] = [await udpSocket(peers.world), await udpSocket(peers.world)];
      apply({ egress: NOTHING });
      await client.send(pod[family], mine.port, "question");
      await until(async () => (await mine.received()) === "question");
      await mine.send(world[family], client.port, "answer");
      await until(async () => (await client.received()) === "answer");
      await seenBlocked(() => mine.send(world[family], server.port, "request"));
      expect(await server.received()).toBe("");
      expect(firewall.counters().egress).toEqual({ allowed: 1n, blocked: 1n, tcp: 0n, udp: 2n });
    });

    test("in audit mode the answer to what enforce would block opens nothing: all that follows counts as blocked too", async () => {
      const mine = await udpSocket(peers.pod);
      const client = await udpSocket(peers.world);
      apply({ ingress: auditing(uniform("block")) });
      for (const [index, text] of ["a", "b", "c"].entries()) {
        await client.send(pod[family], mine.port, text);
        await until(async () => (await mine.received()).length === index * 2 + 1);
        await mine.send(world[family], client.port, text);
        await until(async () => (await client.received()).length === index * 2 + 1);
      }
      expect(firewall.counters().ingress).toEqual({ allowed: 0n, blocked: 3n, tcp: 0n, udp: 3n });
      expect(firewall.peers("udpRequests")).toBe(0);
    });

    test.each(["keep", "enforce"] as const)(
      "a client that was answered stays outside once its port is closed, whatever the Pod still sends it (%s)",
      async (established) => {
        const mine = await udpSocket(peers.pod);
        const client = await udpSocket(peers.world);
        apply({ ingress: enforcing(list({ allowed: [mine.port] })), established });
        await client.send(pod[family], mine.port, "question");
        await until(async () => (await mine.received()) === "question");
        await mine.send(world[family], client.port, "answer");
        await until(async () => (await client.received()) === "answer");
        apply({ ingress: enforcing(list({ blocked: [mine.port] })), established });
        await seenBlocked(() => client.send(pod[family], mine.port, "more"));
        await mine.send(world[family], client.port, "late");
        await until(async () => (await client.received()) === "answer,late");
        await seenBlocked(() => client.send(pod[family], mine.port, "more"));
        expect(await mine.received()).toBe("question");
        expect(firewall.peers("udpRequests")).toBe(0);
      },
    );

    test("an answer to the Pod's own question from an open port comes in when that port is closed meanwhile", async () => {
      const mine = await udpSocket(peers.pod);
      const server = await udpSocket(peers.world);
      apply({ ingress: enforcing(list({ allowed: [mine.port] })) });
      await mine.send(world[family], server.port, "question");
      await until(async () => (await server.received()) === "question");
      await server.send(pod[family], mine.port, "first");
      await until(async () => (await mine.received()) === "first");
      apply({ ingress: NOTHING });
      await server.send(pod[family], mine.port, "second");
      await until(async () => (await mine.received()) === "first,second");
      expect(firewall.peers("udpGuests")).toBe(0);
    });
  });

  test.skipIf(noCompiler)(
    `with enforce, a socket that was refused as a client and listens now has inbound connections${noCompiler ? ` (skipped: ${noCompiler})` : ""}`,
    async () => {
      const port = next();
      const open = { ingress: enforcing(uniform("allow")), established: "enforce" } as const;
      apply(open);
      await using _ = await relisten({
        pid: peers.pod.pid,
        cgroup: `${cgroups.root}/pod`,
        port,
        refusing: { host: world.ipv4, port: next() },
      });
      const name = await connect(peers.world, pod.ipv4, port);
      await peers.world.do({ do: "exchange", name });
      apply({ ...open, ingress: enforcing(list({ blocked: [port] })) });
      const stalled = await seenBlocked(() => peers.world.do({ do: "exchange", name }));
      expect(stalled.done()).toBe(false);
    },
  );

  test("while policies are replaced under traffic, each packet is judged by one of them alone", async () => {
    const port = await listen(peers.pod);
    const [mine, theirs] = [`socket-${next()}`, `socket-${next()}`];
    await peers.pod.do({ do: "bind", name: mine, host: "0.0.0.0", port });
    await peers.world.do({ do: "bind", name: theirs, host: "0.0.0.0", port: next() });
    const verdicts = (answer: "allow" | "block") => ({ enforced: uniform(answer), audited: uniform("allow") });
    // Even generations let TCP in and no UDP, odd ones the other way: a mix would count where neither may.
    const even = { ingress: { tcp: verdicts("allow"), udp: verdicts("block") } };
    const odd = { ingress: { tcp: verdicts("block"), udp: verdicts("allow") } };
    let sent = 0;
    const replacing = (async () => {
      while (sent < 1000) {
        apply(generation % 2n === 0n ? odd : even);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    apply(generation % 2n === 0n ? odd : even);
    for (; sent < 1000; sent += 10) {
      connect(peers.world, pod.ipv4, port).catch(() => {});
      await peers.world.do({ do: "send", name: theirs, host: pod.ipv4, port, text: "x", times: 10 });
    }
    await replacing;
    await until(() => firewall.counters().ingress.udp === 1000n);
    const [inEven, inOdd] = firewall.counters().byGeneration;
    expect({ even: inEven.ingress, odd: inOdd.ingress }).toMatchObject({
      even: { tcp: { blocked: 0n }, udp: { allowed: 0n } },
      odd: { tcp: { allowed: 0n }, udp: { blocked: 0n } },
    });
    expect([inEven.ingress.udp.blocked > 0n, inOdd.ingress.udp.allowed > 0n]).toEqual([true, true]);
  });
});
