/*
 * Invariants
 * - A configuration that is right gets no write, whatever defaults the server has added and in whatever order its bundle is.
 * - Of a configuration that others make, only caBundle is written, by name, and only where it is wrong.
 * - What is added by a replica that does not lead takes no authority out, and touches nothing but caBundle.
 */
import { beforeAll, describe, expect, test } from "vitest";
import type { Stored } from "../../src/object.ts";
import { type Certificate, certificatesIn } from "../../src/webhook/certificate.ts";
import { createAuthority } from "../../src/webhook/certificate-authority.ts";
import { registrationAddition, registrationChange } from "../../src/webhook/registration-difference.ts";
import type {
  ConfigurationReference,
  RegisteredWebhook,
  WebhookConfiguration,
} from "../../src/webhook/webhook-configuration.ts";
import { aroundNow } from "./rig.ts";

let a: Certificate;
let b: Certificate;
beforeAll(async () => {
  const make = async () => certificatesIn((await createAuthority({ organization: "test", ...aroundNow() })).cert);
  const [[first], [second]] = await Promise.all([make(), make()]);
  if (first === undefined || second === undefined) throw new Error("no authorities");
  [a, b] = [first, second];
});

const bundle = (...certificates: Certificate[]) =>
  Buffer.from(certificates.map(({ pem }) => pem).join("")).toString("base64");
const service = { namespace: "default", name: "hook" };
const theirs: ConfigurationReference = { kind: "ValidatingWebhookConfiguration", name: "widgets" };
const webhook = (name: string, caBundle?: string): RegisteredWebhook => ({
  name,
  clientConfig: { service, ...(caBundle === undefined ? {} : { caBundle }) },
});
const present = (...webhooks: RegisteredWebhook[]): Stored<WebhookConfiguration> => ({
  metadata: { name: "widgets", uid: "1", resourceVersion: "7", labels: { app: "widgets" } },
  webhooks,
});

describe("a configuration that others make", () => {
  test("is left alone when it is missing", () => {
    expect(registrationChange(theirs, undefined, [a])).toBeUndefined();
  });

  test("is left alone when all its bundles have what they should, in any order", () => {
    const right = present(webhook("x", bundle(b, a)), webhook("y", bundle(a, b)));
    expect(registrationChange(theirs, right, [a, b])).toBeUndefined();
  });

  test.each([
    ["is missing", () => undefined],
    ["is empty", () => ""],
    ["is junk", () => "anVuaw=="],
    ["lacks an authority", () => bundle(a)],
    ["has another authority besides", () => bundle(a, b, b)],
  ])("gets its bundle, and nothing else, where that %s", (how, wrong) => {
    const wanted = how.startsWith("has another") ? [a] : [a, b];
    const change = registrationChange(theirs, present(webhook("x", bundle(...wanted)), webhook("y", wrong())), wanted);
    expect(change).toEqual({
      kind: "patch",
      base: "7",
      patch: {
        metadata: { resourceVersion: "7" },
        webhooks: [{ name: "y", clientConfig: { caBundle: bundle(...wanted) } }],
      },
    });
  });
});

describe("an addition", () => {
  test("keeps the authorities that are registered, and adds those that are missing", () => {
    expect(registrationAddition(theirs, present(webhook("x", bundle(b)), webhook("y", bundle(b, a))), [a])).toEqual({
      kind: "patch",
      base: "7",
      patch: {
        metadata: { resourceVersion: "7" },
        webhooks: [{ name: "x", clientConfig: { caBundle: bundle(b, a) } }],
      },
    });
  });

  test("is none where there are more authorities than those, or webhooks other than are wanted", () => {
    const wanted = { ...theirs, webhooks: [webhook("z")] };
    expect(registrationAddition(wanted, present(webhook("x", bundle(b, a))), [a])).toBeUndefined();
  });

  test("makes a configuration of our own where it is missing, and no other", () => {
    const wanted = { ...theirs, webhooks: [webhook("z")] };
    expect(registrationAddition(wanted, undefined, [a])).toMatchObject({ kind: "create" });
    expect(registrationAddition(theirs, undefined, [a])).toBeUndefined();
  });
});

describe("a configuration of our own", () => {
  const url = "https://127.0.0.1:9443/validate";
  const rules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }];
  const own = { name: "x", clientConfig: { url }, rules, sideEffects: "None" };
  const ours: ConfigurationReference = { ...theirs, webhooks: [own] };
  const stored = (rest: object = {}) => ({
    ...own,
    matchPolicy: "Equivalent",
    rules: rules.map((rule) => ({ ...rule, scope: "*" })),
    clientConfig: { url, caBundle: bundle(a) },
    ...rest,
  });

  test("is made when it is missing", () => {
    expect(registrationChange(ours, undefined, [a])).toEqual({
      kind: "create",
      object: { metadata: { name: "widgets" }, webhooks: [{ ...own, clientConfig: { url, caBundle: bundle(a) } }] },
    });
  });

  test("is left alone when it has all that is wanted, and the server's defaults", () => {
    expect(registrationChange(ours, present(stored()), [a])).toBeUndefined();
  });

  test("is patched where just the bundle is wrong", () => {
    expect(registrationChange(ours, present(stored()), [b])).toMatchObject({ kind: "patch" });
  });

  test.each([
    ["calls a Service instead", { clientConfig: { service } }],
    ["has other rules", { rules: [] }],
    ["has other side effects", { sideEffects: "Some" }],
  ])("is replaced, with its labels and resourceVersion, when it %s", (_how, wrong) => {
    expect(registrationChange(ours, present(stored(wrong)), [a])).toEqual({
      kind: "replace",
      object: { ...present(), webhooks: [{ ...own, clientConfig: { url, caBundle: bundle(a) } }] },
    });
  });

  test("is replaced when it has one webhook more", () => {
    expect(registrationChange(ours, present(stored(), webhook("y")), [a])).toMatchObject({ kind: "replace" });
  });
});
