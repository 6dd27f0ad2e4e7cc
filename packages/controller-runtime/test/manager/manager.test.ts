/*
 * Invariants
 * - The server is there before anything else, and until everything else has ended; caches work while reconciles drain.
 * - One runnable that fails for good ends all, and `run` rejects with its error.
 * - `stop` and `kill` end `run`, whatever a runnable does.
 */

import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cache } from "../../src/cache/cache.ts";
import type { ElectionRun } from "../../src/leader/elector.ts";
import { Manager, type ManagerOptions, type Runnable } from "../../src/manager/manager.ts";
import { ConfigMaps } from "../../src/resource.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { ModelServer } from "../support/model-server.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { refusal, ScriptedApi } from "../support/scripted-api.ts";

type Signals = Parameters<Runnable["run"]>[0];

const LOCAL = { host: "127.0.0.1", port: 0 };

let clock: FakeClock;
let api: ScriptedApi;
let cache: Cache;
let log: ReturnType<typeof recordedLog>;
let stop: AbortController;
let kill: AbortController;
let isDone: boolean;

beforeEach(() => {
  clock = new FakeClock();
  api = new ScriptedApi(new ModelServer(), clock);
  cache = new Cache({ client: api, clock, random: () => 0 });
  log = recordedLog();
  stop = new AbortController();
  kill = new AbortController();
  isDone = false;
});
afterEach(() => {
  expect([clock.timers, api.watches]).toEqual([0, 0]);
});

const start = (runnables: readonly Runnable[], options: Partial<ManagerOptions> = {}): Promise<void> => {
  const manager = new Manager({ cache, runnables, clock, log, ...options });
  const running = manager.run({ stop: stop.signal, kill: kill.signal });
  const done = () => {
    isDone = true;
  };
  running.then(done, done);
  return running;
};

/** Starts with a server; resolves with its address. */
const serve = async (runnables: readonly Runnable[], options: Partial<ManagerOptions> = {}) => {
  const listening = Promise.withResolvers<number>();
  const done = start(runnables, { address: LOCAL, onListening: listening.resolve, ...options });
  return { done, url: `http://127.0.0.1:${await listening.promise}` };
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** Runs until its end is asked for; `ignores` says what it pays no heed to. */
const runnable = (name: string, ignores: "nothing" | "stop" | "all" = "nothing"): Runnable => ({
  name,
  run: async ({ stop, kill }) => {
    if (ignores === "nothing") await aborted(stop);
    else if (ignores === "stop") await aborted(kill);
    else await new Promise(() => {});
  },
});

describe("a manager", () => {
  test("starts server, caches and runnables in this order, and ends them the other way round", async () => {
    cache.informer(ConfigMaps);
    const order: string[] = [];
    const done = start(
      [
        {
          name: "one",
          run: async ({ stop }) => {
            order.push(`run, ${api.requests.length} watches asked for`);
            await aborted(stop);
            await settled();
            order.push(`end, ${api.watches} watches open`);
          },
        },
      ],
      { address: LOCAL, onListening: () => order.push(`listen, ${api.requests.length} watches asked for`) },
    );
    await expect.poll(() => order.length).toBe(2);
    stop.abort();
    await done;
    expect(order).toEqual(["listen, 0 watches asked for", "run, 1 watches asked for", "end, 1 watches open"]);
    expect(api.watches).toBe(0);
  });

  test("without runnables works until it is stopped", async () => {
    const done = start([]);
    await settled();
    expect(isDone).toBe(false);
    stop.abort();
    await done;
  });

  test("is ended by one runnable that fails, with its error, after the others have finished", async () => {
    let finished = false;
    const other: Runnable = {
      name: "other",
      run: async ({ stop }) => {
        await aborted(stop);
        await settled();
        finished = true;
      },
    };
    const failing: Runnable = { name: "failing", run: () => Promise.reject(new Error("no")) };
    await expect(start([other, failing])).rejects.toThrow("no");
    expect(finished).toBe(true);
  });

  test("is ended by a runnable that throws before it returns a promise, too", async () => {
    const throwing: Runnable = {
      name: "throwing",
      run: () => {
        throw new Error("at once");
      },
    };
    await expect(start([runnable("other"), throwing])).rejects.toThrow("at once");
  });

  test("kills what has not drained in time, and says so", async () => {
    const done = start([runnable("slow", "stop")], { drainTimeout: 5_000 });
    stop.abort();
    await clock.advanceAndSettle(4_999);
    expect(isDone).toBe(false);
    await clock.advanceAndSettle(1);
    await done;
    expect(log.of("warning")).toEqual(["stopped before all reconciles had finished"]);
  });

  test("leaves behind what a kill does not end", async () => {
    const done = start([runnable("deaf", "all")]);
    stop.abort();
    kill.abort();
    await clock.advanceAndSettle(2_000);
    await done;
  });

  test("takes a kill for a stop", async () => {
    const done = start([runnable("one")]);
    kill.abort();
    await done;
  });
});

describe("what only the leader runs", () => {
  /** An elector whose terms the test begins and ends. */
  const scripted = () => {
    let run: ElectionRun | undefined;
    const elector = {
      run: async (given: ElectionRun) => {
        run = given;
        await aborted(given.stop);
      },
    };
    const begin = () => {
      const ends = new AbortController();
      if (run === undefined) throw new Error("the manager does not take part in the election");
      const done = run.lead({ signal: ends.signal, assertHeld: () => ends.signal.throwIfAborted() });
      return { lose: () => ends.abort(new Error("the lease is lost")), done };
    };
    return { elector, begin };
  };

  test("runs at once, and for as long as the manager does, where there is no election", async () => {
    const history: string[] = [];
    const run = async ({ stop }: Signals) => {
      history.push("begins");
      await aborted(stop);
      history.push("ends");
    };
    const done = start([], { led: () => [{ name: "one", run }] });
    await settled();
    expect(history).toEqual(["begins"]);
    stop.abort();
    await done;
    expect(history).toEqual(["begins", "ends"]);
  });

  test("waits for a term, ends with it, and is made anew for the next", async () => {
    const { elector, begin } = scripted();
    const history: string[] = [];
    let made = 0;
    const led = () => {
      const name = `run ${++made}`;
      const run = async ({ stop, kill }: Signals) => {
        history.push(`${name} begins`);
        await aborted(stop);
        history.push(`${name} ends, ${kill.aborted ? "killed" : "told to finish"}`);
      };
      return [{ name, run }];
    };
    const done = start([], { led, elector });
    await settled();
    expect(history).toEqual([]);
    const first = begin();
    first.lose();
    await first.done;
    const second = begin();
    stop.abort();
    await second.done;
    await done;
    expect(history).toEqual(["run 1 begins", "run 1 ends, killed", "run 2 begins", "run 2 ends, told to finish"]);
  });

  test("ends its term when one part fails for good, after the others have finished", async () => {
    const { elector, begin } = scripted();
    let finished = false;
    const other = {
      name: "other",
      run: async ({ stop }: Signals) => {
        await aborted(stop);
        finished = true;
      },
    };
    const failing = { name: "failing", run: () => Promise.reject(new Error("no")) };
    const done = start([], { led: () => [other, failing], elector });
    await settled();
    await expect(begin().done).rejects.toThrow("no");
    expect(finished).toBe(true);
    stop.abort();
    await done;
  });

  test("lasts a term though there is nothing to run", async () => {
    const { elector, begin } = scripted();
    const done = start([], { elector });
    await settled();
    const term = begin();
    let over = false;
    void term.done.then(() => {
      over = true;
    });
    await settled();
    expect(over).toBe(false);
    term.lose();
    await term.done;
    stop.abort();
    await done;
  });
});

describe("the server", () => {
  const get = async (url: string) => {
    const response = await fetch(url);
    return { status: response.status, type: response.headers.get("content-type"), body: await response.text() };
  };

  test("says that the process lives, and whether its caches are in step", async () => {
    cache.informer(ConfigMaps);
    api.script.push({ kind: "refused", error: refusal(403, "Forbidden") });
    const { done, url } = await serve([]);
    await settled();
    expect(await get(`${url}/healthz`)).toMatchObject({ status: 200, body: "ok\n" });
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 503, body: "[-]caches: not in step yet\n" });
    await clock.advanceAndSettle(1_000);
    expect(await get(`${url}/readyz?verbose`)).toMatchObject({ status: 200, body: "[+]caches ok\n" });
    stop.abort();
    await done;
  });

  test("is ready only when all further checks are", async () => {
    let trouble: string | undefined = "no certificate";
    const { done, url } = await serve([], { readyChecks: [{ name: "webhook", check: () => trouble }] });
    expect(await get(`${url}/readyz`)).toMatchObject({
      status: 503,
      body: "[+]caches ok\n[-]webhook: no certificate\n",
    });
    trouble = undefined;
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 200 });
    stop.abort();
    await done;
  });

  test("serves further pages, which take none of its own away", async () => {
    const page = (body: string) => () => ({ status: 200, contentType: "application/json", body });
    const { done, url } = await serve([], { pages: { "/parts": page("[]"), "/healthz": page("mine") } });
    expect(await get(`${url}/parts`)).toEqual({ status: 200, type: "application/json", body: "[]" });
    expect(await get(`${url}/healthz`)).toMatchObject({ body: "ok\n" });
    stop.abort();
    await done;
  });

  test("gives the metrics, an error where they fail, and goes on", async () => {
    let fails = false;
    const metrics = {
      contentType: "text/plain; version=0.0.4",
      metrics: async () => {
        if (fails) throw new Error("no");
        return "up 1\n";
      },
    };
    const { done, url } = await serve([], { metrics });
    expect(await get(`${url}/metrics`)).toEqual({ status: 200, type: metrics.contentType, body: "up 1\n" });
    fails = true;
    expect(await get(`${url}/metrics`)).toMatchObject({ status: 500 });
    fails = false;
    expect(await get(`${url}/metrics`)).toMatchObject({ status: 200 });
    stop.abort();
    await done;
  });

  test("answers only what it has, and only to who reads", async () => {
    const { done, url } = await serve([]);
    expect((await get(`${url}/constructor`)).status).toBe(404);
    expect((await get(`${url}/metrics`)).status).toBe(404);
    expect((await fetch(`${url}/healthz`, { method: "POST" })).status).toBe(405);
    const head = await fetch(`${url}/healthz`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    stop.abort();
    await done;
  });

  test("ends with connections open", async () => {
    const { done, url } = await serve([], {
      metrics: { contentType: "text/plain", metrics: () => new Promise<string>(() => {}) },
    });
    const scrape = fetch(`${url}/metrics`).catch(() => "closed");
    await fetch(`${url}/healthz`);
    stop.abort();
    await done;
    await expect(scrape).resolves.toBe("closed");
  });

  test("that cannot listen is an error of one line, and nothing is started", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as AddressInfo;
    const ran: string[] = [];
    const one: Runnable = { name: "one", run: async () => void ran.push("one") };
    const failure = await start([one], { address: { host: "127.0.0.1", port } }).catch((error: unknown) => error);
    await new Promise((resolve) => taken.close(resolve));
    expect(String(failure)).toBe(
      `Error: cannot listen on 127.0.0.1:${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    );
    expect(ran).toEqual([]);
  });
});
