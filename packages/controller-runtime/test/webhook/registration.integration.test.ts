/*
 * A leader against somebody who undoes what it writes, and replicas without a leader that writes anything, with a real API
 * server and a clock of the test's.
 *
 * Invariants
 * - The first repair is at once, each further one after twice the time, and nothing is written in between.
 * - Who has to be told is told, once.
 * - A replica that does not lead writes when something has been missing for as long as its patience, and not before; never
 *   while it leads itself; and what others have registered stays.
 */
import { type Cluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { systemClock } from "../../src/clock.ts";
import { type Certificate, certificatesIn } from "../../src/webhook/certificate.ts";
import { createAuthority } from "../../src/webhook/certificate-authority.ts";
import { RegisteredConfigurations } from "../../src/webhook/registered-configurations.ts";
import { Registration } from "../../src/webhook/registration.ts";
import {
  registeredWith,
  resourceOf,
  ValidatingWebhookConfigurations,
} from "../../src/webhook/webhook-configuration.ts";
import { configOf } from "../client/cluster.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { webhookAt } from "./replica.ts";
import { aroundNow } from "./rig.ts";

const WAIT = { timeout: 30_000, interval: 20 };
const NAME = "contested";
const REFERENCE = { kind: "ValidatingWebhookConfiguration", name: NAME } as const;
const KEY = { namespace: "", name: NAME };

let cluster: Cluster;
let client: Client;
beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
  client = new Client(configOf(cluster));
});
afterAll(async () => {
  await client.close();
  await cluster.stop();
});

const hasBundle = async (): Promise<boolean> => {
  const { webhooks = [] } = await client.get(ValidatingWebhookConfigurations, KEY);
  return webhooks.every(({ clientConfig }) => clientConfig.caBundle !== undefined);
};

const strip = async (): Promise<void> => {
  const patch = { webhooks: [{ name: "config-maps.test.example.com", clientConfig: { caBundle: null } }] };
  await client.patch(ValidatingWebhookConfigurations, KEY, patch, { type: "strategic" });
};

test("a bundle that somebody strips again and again is repaired ever more rarely, and that is said", async () => {
  const webhooks = [webhookAt("https://127.0.0.1:1/")];
  await client.create(resourceOf(REFERENCE), { metadata: { name: NAME }, webhooks });
  const authorities = certificatesIn((await createAuthority({ organization: "test", ...aroundNow() })).cert);
  const log = recordedLog();
  const shared = { client, random: () => 0, log };
  const registered = new RegisteredConfigurations({ ...shared, configurations: [REFERENCE], clock: systemClock });
  const clock = new FakeClock();
  const certificates = { authorities, onChange: () => () => {} };
  const registration = new Registration({ ...shared, registered, certificates, clock });
  const stop = new AbortController();
  const running = [registered.run(stop.signal), registration.run({ stop: stop.signal })];
  await expect.poll(hasBundle, WAIT).toBe(true);
  for (const pause of [1_000, 2_000, 4_000, 8_000]) {
    const seen = log.lines.length;
    await strip();
    await expect.poll(() => registered.registered.length, WAIT).toBe(0);
    // It has looked, and waits for the time of the next repair.
    clock.advance(pause - 1);
    await expect.poll(() => clock.timers, WAIT).toBe(1);
    expect(log.lines.slice(seen)).toEqual([]);
    expect(await hasBundle()).toBe(false);
    clock.advance(1);
    await expect.poll(hasBundle, WAIT).toBe(true);
    await expect.poll(() => registered.registered.length, WAIT).toBe(1);
  }
  expect(log.of("warning")).toEqual([
    `others keep changing the webhooks of ValidatingWebhookConfiguration ${NAME}: have them leave clientConfig.caBundle alone`,
  ]);
  stop.abort();
  await Promise.all(running);
});

describe("a replica that does not lead", () => {
  const PATIENCE = 10_000;
  const authority = async () => certificatesIn((await createAuthority({ organization: "test", ...aroundNow() })).cert);

  interface Scene {
    readonly isLeading?: () => boolean;
    readonly registeredAlready?: readonly Certificate[];
  }

  const standIn = async (name: string, { isLeading = () => false, registeredAlready = [] }: Scene = {}) => {
    const reference = { kind: "ValidatingWebhookConfiguration", name } as const;
    const caBundle = Buffer.from(registeredAlready.map(({ pem }) => pem).join("")).toString("base64");
    const webhook = webhookAt("https://127.0.0.1:1/");
    const webhooks = [{ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } }];
    await client.create(resourceOf(reference), { metadata: { name }, webhooks });
    const authorities = await authority();
    const log = recordedLog();
    const clock = new FakeClock();
    const shared = { client, random: () => 0, log };
    const registered = new RegisteredConfigurations({ ...shared, configurations: [reference], clock: systemClock });
    const certificates = { authorities, onChange: () => () => {} };
    const options = { ...shared, registered, certificates, clock, standIn: { patience: PATIENCE, isLeading } };
    const registration = new Registration(options);
    const stop = new AbortController();
    const watching = registered.run(stop.signal);
    await expect.poll(() => registered.states[0]?.state, WAIT).toBe("present");
    const running = [watching, registration.run({ stop: stop.signal })];
    await expect.poll(() => clock.timers, WAIT).toBe(1);
    return {
      authorities,
      clock,
      log,
      stored: async () => {
        const object = await client.get(ValidatingWebhookConfigurations, { namespace: "", name });
        return (object.webhooks ?? []).flatMap(registeredWith).map(({ id }) => id);
      },
      async [Symbol.asyncDispose]() {
        stop.abort();
        await Promise.all(running);
      },
    };
  };

  test("registers beside what others have registered, once no leader has for as long as its patience", async () => {
    const others = await authority();
    await using replica = await standIn("stand-in", { registeredAlready: others });
    const before = others.map(({ id }) => id);
    await replica.clock.advanceAndSettle(PATIENCE - 1);
    expect(await replica.stored()).toEqual(before);
    replica.clock.advance(1);
    await expect.poll(replica.stored, WAIT).toEqual([...before, ...replica.authorities.map(({ id }) => id)]);
    await expect
      .poll(() => replica.log.of("info"), WAIT)
      .toEqual(["registered the webhooks' certificate authorities, which the leader has not done"]);
  });

  test("becomes one that does: the stand-in rests, and begins its patience when it leads no more", async () => {
    let leads = true;
    await using replica = await standIn("stand-in-led", { isLeading: () => leads });
    for (let i = 0; i < 5; i++) await replica.clock.advanceAndSettle(PATIENCE);
    expect(await replica.stored()).toEqual([]);
    leads = false;
    await replica.clock.advanceAndSettle(PATIENCE);
    await expect.poll(replica.stored, WAIT).toEqual(replica.authorities.map(({ id }) => id));
  });
});
