/*
 * Invariants
 * - What was written into a Secret is read again as it was, and the fields of others stay.
 * - Whatever stands in a Secret, reading it does not throw, and tells only of what is whole and belongs together.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { carriedOut } from "../../src/webhook/certificate-change.ts";
import { factsOf, type Holding, holdingOf, NOTHING, secretDataOf } from "../../src/webhook/certificate-holding.ts";
import { DEFAULT_POLICY } from "../../src/webhook/webhooks.ts";

const NAMES = ["hook.default.svc"];
const context = (serving: Holding = NOTHING) => ({
  policy: DEFAULT_POLICY,
  names: NAMES,
  organization: "test",
  now: Date.now(),
  serving,
});

/** Two authorities, and a leaf of the older. */
let holding: Holding;
let data: Record<string, string>;
beforeAll(async () => {
  const started = await carriedOut({ kind: "start" }, NOTHING, context());
  holding = await carriedOut({ kind: "add-authority" }, started, context());
  data = secretDataOf(holding);
});

const idsOf = ({ leaf, authorities }: Holding) => [
  leaf?.certificate.id,
  ...authorities.map((each) => each.certificate.id),
];
const encoded = (text: string) => Buffer.from(text).toString("base64");

describe("a Secret", () => {
  test("is read as it was written", () => {
    expect(idsOf(holdingOf({ data }))).toEqual(idsOf(holding));
    expect(secretDataOf(holdingOf({ data }))).toEqual(data);
    expect(Object.keys(data).sort()).toEqual(["ca.crt", "ca.key", "tls.crt", "tls.key"]);
  });

  test("keeps what others have put into it", () => {
    expect(secretDataOf(holding, { note: encoded("mine") })).toEqual({ ...data, note: encoded("mine") });
  });

  test("of which the CA keys are gone has authorities that cannot sign, and its leaf", () => {
    const { leaf, authorities } = factsOf(holdingOf({ data: { ...data, "ca.key": "" } }), NAMES);
    expect(leaf?.fits).toBe(true);
    expect(authorities.map(({ hasKey }) => hasKey)).toEqual([false, false]);
  });

  test("of which the leaf's key belongs to another certificate has no leaf", async () => {
    const other = await carriedOut({ kind: "start" }, NOTHING, context());
    const mixed = { ...data, "tls.key": secretDataOf(other)["tls.key"] ?? "" };
    expect(holdingOf({ data: mixed }).leaf).toBeUndefined();
  });

  test("of which the leaf is of an authority that is not there has no leaf", async () => {
    const other = secretDataOf(await carriedOut({ kind: "start" }, NOTHING, context()));
    const mixed = { ...data, "tls.key": other["tls.key"] ?? "", "tls.crt": other["tls.crt"] ?? "" };
    expect(holdingOf({ data: mixed }).leaf).toBeUndefined();
  });

  test("may hold anything", () => {
    const fields = fc.constantFrom("tls.crt", "tls.key", "ca.crt", "ca.key");
    const junk = fc.oneof(
      fc.base64String(),
      fc.string(),
      fc.constant(encoded("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----")),
    );
    fc.assert(
      fc.property(fields, junk, fc.nat(3_000), (field, value, at) => {
        const whole = data[field] ?? "";
        for (const damaged of [
          value,
          whole.slice(0, at),
          whole.slice(at),
          `${whole.slice(0, at)}${value}${whole.slice(at)}`,
        ]) {
          const { leaf, authorities } = holdingOf({ data: { ...data, [field]: damaged } });
          if (leaf !== undefined) expect(authorities.map((each) => each.certificate.id)).toContain(leaf.authority);
        }
      }),
    );
  });

  test("without data holds nothing", () => {
    expect(holdingOf({})).toEqual(NOTHING);
  });
});

describe("a change", () => {
  test("adds an authority in front, and leaves the leaf", () => {
    const [leaf, newest, oldest] = idsOf(holding);
    expect(holding.leaf?.authority).toBe(oldest);
    expect(new Set([leaf, newest, oldest]).size).toBe(3);
  });

  test("issues a leaf that does not outlive its authority", async () => {
    const [authority] = holding.authorities;
    if (authority === undefined) throw new Error("no authority");
    const { certificate } = authority;
    const late = { ...context(), now: certificate.notAfter - 1_000 };
    const { leaf } = await carriedOut({ kind: "issue-leaf", issuer: certificate.id }, holding, late);
    expect(leaf?.certificate.notAfter).toBe(certificate.notAfter);
    expect(leaf?.authority).toBe(certificate.id);
  });

  test("hands on the names of a leaf that is replaced before its time, and drops them at its renewal", async () => {
    const issuer = holding.authorities[0]?.certificate.id ?? "";
    const moved = { ...context(), names: ["new.default.svc"] };
    const both = await carriedOut({ kind: "issue-leaf", issuer }, holding, moved);
    expect(factsOf(both, ["new.default.svc", ...NAMES]).leaf?.fits).toBe(true);
    const later = { ...moved, now: moved.now + DEFAULT_POLICY.leafLife * 0.8 };
    const renewed = await carriedOut({ kind: "issue-leaf", issuer }, both, later);
    expect(factsOf(renewed, NAMES).leaf?.fits).toBe(false);
    expect(factsOf(renewed, ["new.default.svc"]).leaf?.fits).toBe(true);
  });

  test("drops the authorities that it names", async () => {
    const [newest, oldest] = holding.authorities.map(({ certificate }) => certificate.id);
    const dropped = await carriedOut({ kind: "drop-authorities", authorities: [newest ?? ""] }, holding, context());
    expect(dropped.authorities.map(({ certificate }) => certificate.id)).toEqual([oldest]);
  });

  test("puts back what is served, keys included, and keeps what is there besides", async () => {
    const other = await carriedOut({ kind: "start" }, NOTHING, context());
    const back = await carriedOut({ kind: "restore" }, { ...other, leaf: undefined }, context(holding));
    expect(back).toEqual({ leaf: holding.leaf, authorities: [...holding.authorities, ...other.authorities] });
  });
});
