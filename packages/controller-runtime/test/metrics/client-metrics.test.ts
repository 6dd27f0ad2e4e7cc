// Invariants:
// - Each try counts once, by its status, or as `<error>` where no answer came; watches too.
// - Each retry that is made counts once, by what the try before came to.
// - Names, labels and values are those of client-go, so that its dashboards fit.
import type { RequestListener } from "node:http";
import { Registry } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { Client } from "../../src/client/client.ts";
import { clientMetrics } from "../../src/metrics/client-metrics.ts";
import { Pods } from "../../src/resource.ts";
import { refuse, startHttpsServer } from "../client/https-server.ts";
import { TestConfig } from "../client/test-config.ts";
import { FakeClock } from "../support/fake-clock.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const start = async (handler: RequestListener, clock?: FakeClock) => {
  const server = await startHttpsServer(handler);
  cleanups.push(() => server[Symbol.asyncDispose]());
  const config = TestConfig.for(server);
  const registry = new Registry();
  const options = { observer: clientMetrics(registry), ...(clock === undefined ? {} : { clock }) };
  const client = new Client(config, options);
  cleanups.push(() => client.close());
  const host = server.url.slice("https://".length);
  /** The values of a metric: its labels but the host, which is checked, and the value. */
  const values = async (name: string): Promise<Record<string, number>> => {
    const metric = (await registry.getMetricsAsJSON()).find((candidate) => candidate.name === name);
    const entries = (metric?.values ?? []).map(({ labels, value }) => {
      expect(labels.host).toBe(host);
      return [
        [labels.method, labels.verb, labels.code].filter((label) => label !== undefined).join(" "),
        value,
      ] as const;
    });
    return Object.fromEntries(entries);
  };
  return { server, config, client, registry, values };
};

const REQUESTS = "rest_client_requests_total";
const RETRIES = "rest_client_request_retries_total";

/** Answers each request with the next of `codes`, 0 = a closed connection, then with `{}`. */
const answering = (...codes: number[]): RequestListener => {
  const left = [...codes];
  return (request, response) => {
    const code = left.shift();
    if (code === 0) request.socket.destroy();
    else if (code === undefined) response.end("{}");
    else refuse(response, code);
  };
};

describe("rest_client metrics", () => {
  it("count each try by method and status, and each retry by what came before it", async () => {
    const { client, values } = await start(answering(429, 503, 0));
    await client.raw("GET", "/x");
    await client.raw("POST", "/x", { body: {} });
    expect(await values(REQUESTS)).toEqual({
      "GET 429": 1,
      "GET 503": 1,
      "GET <error>": 1,
      "GET 200": 1,
      "POST 200": 1,
    });
    expect(await values(RETRIES)).toEqual({ "GET 429": 1, "GET 503": 1, "GET <error>": 1 });
  });

  it("count an error that is not tried again, and no retry", async () => {
    const { client, values } = await start(answering(404, 0));
    await client.raw("GET", "/x").catch(() => {});
    await client.raw("POST", "/x", { body: {} }).catch(() => {});
    expect(await values(REQUESTS)).toEqual({ "GET 404": 1, "POST <error>": 1 });
    expect(await values(RETRIES)).toEqual({});
  });

  it("count no retry that is not made", async () => {
    const clock = new FakeClock();
    const { client, values } = await start(answering(429), clock);
    const call = client.raw("GET", "/x").catch(() => {});
    await expect.poll(() => clock.timers, { interval: 1 }).toBe(2);
    await client.close();
    await call;
    expect(await values(REQUESTS)).toEqual({ "GET 429": 1 });
    expect(await values(RETRIES)).toEqual({});
  });

  it("count a refused credential and the try with the new one", async () => {
    const { client, config, values } = await start(answering(401));
    config.onRefresh = () => true;
    await client.raw("PATCH", "/x", { body: {} });
    expect(await values(REQUESTS)).toEqual({ "PATCH 401": 1, "PATCH 200": 1 });
    expect(await values(RETRIES)).toEqual({ "PATCH 401": 1 });
  });

  it("count a watch by its answer, once, and as <error> where none came", async () => {
    const { client, values } = await start(answering(410, 0));
    const watch = () => client.watch(Pods, { signal: new AbortController().signal }, () => {}).catch(() => {});
    for (let i = 0; i < 2; i++) await watch();
    expect(await values(REQUESTS)).toEqual({ "GET 410": 1, "GET <error>": 1 });
  });

  it("count a watch that is open as such, whatever becomes of it", async () => {
    const { client, values } = await start((request, response) => {
      response.write(" ", () => request.socket.destroy());
    });
    await expect(client.watch(Pods, { signal: new AbortController().signal }, () => {})).rejects.toThrow();
    expect(await values(REQUESTS)).toEqual({ "GET 200": 1 });
  });

  it("measure each try alone, in seconds, without the pauses between them", async () => {
    const clock = new FakeClock();
    const refuseOnce = answering(429);
    const handler: RequestListener = (request, response) => {
      // The server takes two seconds for each.
      clock.advance(2_000);
      refuseOnce(request, response);
    };
    const { client, registry } = await start(handler, clock);
    const call = client.raw("GET", "/x");
    await expect.poll(() => clock.timers, { interval: 1 }).toBe(2);
    clock.advance(10_000);
    await call;
    const text = await registry.metrics();
    expect(text).toMatch(/rest_client_request_duration_seconds_sum\{verb="GET",host="[^"]+"\} 4\n/);
    expect(text).toMatch(/rest_client_request_duration_seconds_bucket\{le="2",verb="GET",host="[^"]+"\} 2\n/);
    expect(text).toMatch(/rest_client_request_duration_seconds_bucket\{le="1",verb="GET",host="[^"]+"\} 0\n/);
  });
});
