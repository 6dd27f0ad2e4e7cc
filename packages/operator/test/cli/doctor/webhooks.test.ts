/*
 * Invariants:
 * - Only a refusal by our own webhook counts as reached.
 * - A caBundle verifies the certificate, or is told not to; an end that is near is a warning, one that is past a failure.
 * - Others' webhooks count where they are asked about what we write, block when nobody answers, and nobody does.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { createAuthority, issueLeaf } from "../../../../controller-runtime/src/webhook/certificate-authority.ts";
import { seen } from "../../../src/cli/doctor/seen.ts";
import { judgeBundle, judgeCertificate } from "../../../src/cli/doctor/webhook-certificates.ts";
import { type Hook, PCMC_HOOK, type Registered, type WebhookFacts } from "../../../src/cli/doctor/webhook-facts.ts";
import {
  judgeAnswers,
  judgeForeign,
  judgePolicy,
  judgeRegistered,
  judgeService,
} from "../../../src/cli/doctor/webhooks.ts";
import { NAME } from "../../../src/rbac/names.ts";
import { type DeploymentWish, FORBIDDEN, listed, NOW, operator, stored, told } from "./fixtures.ts";

const KIND = "ValidatingWebhookConfiguration";
const SERVICE = `${NAME}-webhook`;
const DAY = 86_400_000;
const base64 = (text: string) => Buffer.from(text).toString("base64");

const hook = (wish: Partial<Hook> = {}): Hook => ({
  name: PCMC_HOOK,
  clientConfig: { service: { namespace: "default", name: SERVICE }, caBundle: base64("junk") },
  failurePolicy: "Ignore",
  ...wish,
});
const registered = (...hooks: readonly Hook[]): Registered => ({ kind: KIND, name: NAME, hooks });
const slice = (service: string, ...ready: readonly boolean[]) =>
  stored("s", {
    metadata: { labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4" as const,
    endpoints: ready.map((each) => ({ addresses: ["10.0.0.1"], conditions: { ready: each } })),
  });

/** `endpoints` is null in JSON where there are none. */
const EMPTY_SLICE = JSON.stringify({ ...slice(SERVICE), endpoints: null });

const facts = (wish: Partial<WebhookFacts> = {}): WebhookFacts => ({
  wanted: [{ kind: KIND, hooks: [PCMC_HOOK] }],
  registered: seen([registered(hook())]),
  service: seen(stored(SERVICE, { spec: {} })),
  endpoints: listed(slice(SERVICE, true)),
  secret: seen(undefined),
  tried: seen({ accepted: false, message: `admission webhook "${PCMC_HOOK}" denied the request: no` }),
  now: NOW,
  ...wish,
});

describe("registration", () => {
  test.each([
    ["all of it", [registered(hook())], "ok"],
    ["nothing", [], "failed"],
    ["one that lacks a webhook", [registered()], "failed"],
    ["another's of the same webhook", [{ ...registered(hook()), name: "other" }], "failed"],
  ])("%s", (_, all, status) =>
    expect(judgeRegistered(operator(), facts({ registered: seen(all) }))).toMatchObject([{ status }]),
  );

  test("none is wanted, so none is missed", () => {
    const none = facts({ wanted: [], registered: seen([]) });
    expect(judgeRegistered(operator(), none)).toMatchObject([{ status: "ok" }]);
    expect([...judgeBundle(none), ...judgePolicy(none), ...judgeAnswers(none)]).toEqual([]);
  });

  test("failurePolicy Fail is a warning", () => {
    expect(judgePolicy(facts({ registered: seen([registered(hook({ failurePolicy: "Fail" }))]) }))).toMatchObject([
      { status: "warning" },
    ]);
    expect(judgePolicy(facts())).toMatchObject([{ status: "ok" }]);
  });
});

describe("the Service", () => {
  test.each([
    ["with a ready endpoint", {}, "ok"],
    ["with none that is ready", { endpoints: listed(slice(SERVICE, false)) }, "failed"],
    ["with those of another", { endpoints: listed(slice("other", true)) }, "failed"],
    ["without any, as the API writes that", { endpoints: listed(JSON.parse(EMPTY_SLICE)) }, "failed"],
    ["that is missing", { service: seen(undefined) }, "failed"],
    ["that may not be read", { service: FORBIDDEN }, "skipped"],
    [
      "that stands for a name",
      {
        service: seen(stored(SERVICE, { spec: { type: "ExternalName", externalName: "a" } })),
        endpoints: listed<never>(),
      },
      "ok",
    ],
    [
      "of another namespace",
      { registered: seen([registered(hook({ clientConfig: { service: { namespace: "old", name: SERVICE } } }))]) },
      "failed",
    ],
  ])("%s", (_, wish, status) => expect(judgeService(operator(), facts(wish))).toMatchObject([{ status }]));

  test("is not looked for where a URL is registered", () => {
    const byUrl = seen([registered(hook({ clientConfig: { url: "https://a" } }))]);
    expect(judgeService(operator(), facts({ registered: byUrl, service: seen(undefined) }))).toEqual([]);
  });
});

describe("certificates", () => {
  const made = async (life: number, names = [`${SERVICE}.default.svc`]) => {
    const times = { notBefore: NOW - 100 * DAY, notAfter: NOW + life };
    const issuer = await createAuthority({ organization: NAME, ...times });
    const leaf = await issueLeaf({ issuer, names, ...times });
    return { ca: base64(issuer.cert), crt: base64(leaf.cert) };
  };
  let good: Awaited<ReturnType<typeof made>>;
  let other: typeof good;
  beforeAll(async () => {
    [good, other] = await Promise.all([made(60 * DAY), made(60 * DAY)]);
  });
  const withBundle = (caBundle: string | undefined) =>
    seen([
      registered(
        hook({
          clientConfig: {
            service: { namespace: "default", name: SERVICE },
            ...(caBundle !== undefined && { caBundle }),
          },
        }),
      ),
    ]);
  const judge = (bundle: string | undefined, crt: string | undefined, wish: DeploymentWish = {}) => {
    const secret = seen(crt === undefined ? undefined : stored("cert", { data: { "tls.crt": crt } }));
    const given = facts({ registered: withBundle(bundle), secret });
    return [judgeBundle(given), judgeCertificate(operator(wish), given)].map((all) => all.map(({ status }) => status));
  };

  test("that belong together are fine", () => expect(judge(good.ca, good.crt)).toEqual([["ok"], ["ok"]]));

  test("several authorities in a bundle are fine while one has signed", () => {
    const both = base64(`${Buffer.from(other.ca, "base64")}${Buffer.from(good.ca, "base64")}`);
    expect(judge(both, good.crt)).toEqual([["ok"], ["ok"]]);
  });

  test("a bundle of another authority, junk, or none", () => {
    expect(judge(other.ca, good.crt)).toEqual([["ok"], ["failed"]]);
    expect(judge(base64("junk"), good.crt)[0]).toEqual(["failed"]);
    expect(judge(undefined, good.crt)[0]).toEqual(["failed"]);
  });

  test("a Secret that is missing, holds junk, or is for another name", async () => {
    const astray = await made(60 * DAY, ["elsewhere.svc"]);
    expect(judge(good.ca, undefined)[1]).toEqual(["failed"]);
    expect(judge(good.ca, base64("junk"))[1]).toEqual(["failed"]);
    expect(judge(astray.ca, astray.crt)[1]).toEqual(["failed"]);
  });

  test.each([
    [-1, [["failed"], ["failed"]]],
    [6 * DAY, [["ok"], ["warning"]]],
    [8 * DAY, [["ok"], ["ok"]]],
  ])("that end in %i ms", async (life, statuses) => {
    const { ca, crt } = await made(life);
    expect(judge(ca, crt)).toEqual(statuses);
  });

  test.each([
    ["may not be listed", FORBIDDEN],
    ["are not there", seen([])],
  ])("are not said to be verified where the configurations %s", (_, configurations) => {
    const secret = seen(stored("cert", { data: { "tls.crt": good.crt } }));
    expect(told(judgeCertificate(operator(), facts({ registered: configurations, secret })))).toEqual([
      expect.stringMatching(
        /^ok: the certificate in .* holds for 60 days more; there is no caBundle to compare it with$/,
      ),
    ]);
  });

  describe("that others make", () => {
    const env = { WEBHOOK_CERT_DIR: "/certs" };
    const mounted = { "/certs/": "theirs" };

    test("are judged where they are a Secret that is mounted there", () => {
      const wish = { env, mounted };
      expect(operator(wish).certificateSecret).toBe("theirs");
      expect(judge(good.ca, good.crt, wish)[1]).toEqual(["ok"]);
      expect(judge(other.ca, good.crt, wish)[1]).toEqual(["failed"]);
      expect(judge(good.ca, undefined, wish)[1]).toEqual(["failed"]);
      const ended = facts({
        registered: withBundle(good.ca),
        secret: seen(stored("theirs", { data: { "tls.crt": good.crt } })),
      });
      const [verdict] = judgeCertificate(operator(wish), { ...ended, now: NOW + 61 * DAY });
      expect(verdict?.remedy).toContain("kubectl describe certificates");
    });

    test("are judged by the first of the Secret, and by those that have signed the one before", () => {
      const both = (...all: readonly string[]) => base64(all.map((each) => Buffer.from(each, "base64")).join(""));
      expect(judge(good.ca, both(good.crt, other.crt), { env, mounted })[1]).toEqual(["ok"]);
      expect(judge(good.ca, both(other.crt, good.crt), { env, mounted })[1]).toEqual(["failed"]);
      // The authority's own certificate in the Secret does not make it one that is trusted.
      expect(judge(good.ca, both(other.crt, other.ca), { env, mounted })[1]).toEqual(["failed"]);
      expect(judge(good.ca, both(good.crt, good.ca), { env, mounted })[1]).toEqual(["ok"]);
    });

    test("are not looked at where no Secret is named", () => {
      expect(judge(good.ca, undefined, { env })[1]).toEqual(["skipped"]);
      expect(judge(good.ca, undefined, { env, mounted: { "/elsewhere": "theirs" } })[1]).toEqual(["skipped"]);
    });
  });
});

describe("the trial", () => {
  test.each([
    [{ accepted: true }, "failed"],
    [{ accepted: false, message: `admission webhook "${PCMC_HOOK}" denied the request: no` }, "ok"],
    [{ accepted: false, message: 'failed calling webhook "x": connection refused' }, "failed"],
    [{ accepted: false, message: 'admission webhook "others" denied the request' }, "warning"],
  ] as const)("%j is %s", (tried, status) => {
    expect(judgeAnswers(facts({ tried: seen(tried) }))).toMatchObject([{ status }]);
  });

  test("that may not be made is skipped", () => {
    expect(judgeAnswers(facts({ tried: FORBIDDEN }))).toMatchObject([{ status: "skipped" }]);
  });
});

describe("webhooks of others", () => {
  const rule = (group: string, resource: string) => [
    { apiGroups: [group], resources: [resource], operations: ["CREATE"] },
  ];
  const service = { namespace: "default", name: "gone" };
  const stray: Hook = { name: "stray", clientConfig: { service }, failurePolicy: "Fail", rules: rule("", "pods") };
  const judge = (wish: Partial<Hook>, endpoints = listed<ReturnType<typeof slice>>()) =>
    told(
      judgeForeign(
        facts({ registered: seen([{ kind: KIND, name: "other", hooks: [{ ...stray, ...wish }] }]), endpoints }),
      ),
    );

  test.each([
    ["Pods", {}],
    ["ConfigMaps", { rules: rule("", "configmaps") }],
    ["everything", { rules: rule("*", "*") }],
    ["ours", { rules: rule("podconfig.example.com", "podconfigmapconfigs") }],
    ["no policy, which is Fail", { failurePolicy: "Fail" }],
  ])("for %s with nobody to answer are told", (_, wish) =>
    expect(judge(wish)).toEqual([expect.stringMatching(/^warning: .*stray/)]),
  );

  test.each([
    ["that are ignored when they fail", { failurePolicy: "Ignore" }],
    ["for something else", { rules: rule("apps", "deployments") }],
    ["by URL", { clientConfig: { url: "https://a" } }],
  ])("%s are not", (_, wish) => expect(judge(wish)).toEqual([expect.stringMatching(/^ok/)]));

  test("that answer are not", () =>
    expect(judge({}, listed(slice("gone", true)))).toEqual([expect.stringMatching(/^ok/)]));
});
