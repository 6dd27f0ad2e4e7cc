/*
 * Invariants
 * - Where a registered caBundle does not verify the certificate that is served, a replica is not ready.
 * - What no replica can mend, or what means that nobody calls, keeps none from being ready.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { CertificateSource, ServingCertificate } from "../../src/webhook/certificate-source.ts";
import type { ConfigurationState } from "../../src/webhook/registered-configurations.ts";
import type { ConfigurationReference, RegisteredWebhook } from "../../src/webhook/webhook-configuration.ts";
import { webhookReadiness } from "../../src/webhook/webhook-readiness.ts";
import { webhookAt } from "./replica.ts";
import { FixedSource, servingPair } from "./rig.ts";

let serving: ServingCertificate;
let ca: string;
let otherCa: string;
beforeAll(async () => {
  ({ serving, ca } = await servingPair());
  ({ ca: otherCa } = await servingPair());
});

const reference: ConfigurationReference = { kind: "ValidatingWebhookConfiguration", name: "widgets" };
const ours: ConfigurationReference = { ...reference, webhooks: [webhookAt("https://127.0.0.1:1/")] };

const trouble = (state: ConfigurationState, { writesBundles = true, certificates = source() } = {}) =>
  webhookReadiness({
    certificates,
    writesBundles,
    registered: { states: [state] },
    isServing: () => true,
    clock: systemClock,
  }).check();

const source = (): CertificateSource => new FixedSource(serving);

const withBundle = (pem?: string): ConfigurationState => {
  const caBundle = pem === undefined ? {} : { caBundle: Buffer.from(pem).toString("base64") };
  const webhook: RegisteredWebhook = { ...webhookAt(""), clientConfig: { url: "https://127.0.0.1:1/", ...caBundle } };
  const metadata = { name: "widgets", uid: "1", resourceVersion: "1" };
  return { reference, state: "present", object: { metadata, webhooks: [webhook] } };
};

describe("a replica is ready", () => {
  test("when the bundle verifies what it serves", () => {
    expect(trouble(withBundle(ca))).toBeUndefined();
  });

  test("when nobody has applied the configuration: nobody calls", () => {
    expect(trouble({ reference, state: "missing" })).toBeUndefined();
  });

  test("when it must not read the configuration", () => {
    expect(trouble({ reference, state: "forbidden" })).toBeUndefined();
  });

  test("without a bundle where others write it: the API server trusts the CAs of its host then", () => {
    expect(trouble(withBundle(), { writesBundles: false })).toBeUndefined();
    expect(trouble(withBundle(""), { writesBundles: false })).toBeUndefined();
  });
});

describe("a replica is not ready", () => {
  test.each([true, false])("when the bundle verifies another certificate, be it ours to write (%s) or not", (ofUs) => {
    expect(trouble(withBundle(otherCa), { writesBundles: ofUs })).toMatch(/does not verify the certificate/);
  });

  test("without a bundle where we write it", () => {
    expect(trouble(withBundle())).toMatch(/has no caBundle yet/);
  });

  test("before it has read the configuration", () => {
    expect(trouble({ reference, state: "unknown" })).toMatch(/not read yet/);
  });

  test("while a configuration that is ours to make is missing", () => {
    expect(trouble({ reference: ours, state: "missing" })).toMatch(/about to be made/);
  });

  test("without a certificate", () => {
    const certificates = new FixedSource();
    expect(trouble({ reference, state: "missing" }, { certificates })).toBe("no certificate yet");
  });
});
