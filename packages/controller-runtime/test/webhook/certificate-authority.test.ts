/*
 * Invariants
 * - What is made is what was asked for: names, times to the second, a CA that can sign leaves and no more CAs.
 * - OpenSSL accepts it in a handshake, with other authorities in the bundle; Go's check of it is in the integration test.
 */
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { certificatesIn, isFor, isSignedBy, namesOf, organizationOf } from "../../src/webhook/certificate.ts";
import { createAuthority, issueLeaf } from "../../src/webhook/certificate-authority.ts";
import {
  addressBytes,
  contentOf,
  elements,
  integer,
  objectIdentifier,
  octetString,
  sequence,
} from "../../src/webhook/der.ts";
import { servingNames } from "../../src/webhook/serving-names.ts";
import { aroundNow, send } from "./rig.ts";

const only = (pem: string) => {
  const [certificate, ...others] = certificatesIn(pem);
  if (certificate === undefined || others.length > 0) throw new Error("one certificate is expected");
  return certificate;
};

describe("an authority", () => {
  test("is a CA for leaves alone, with an organisation to know it by", async () => {
    const { cert, key } = await createAuthority({ organization: "widgets", ...aroundNow() });
    const authority = only(cert);
    expect(authority.x509.ca).toBe(true);
    expect(organizationOf(authority)).toBe("widgets");
    expect(isSignedBy(authority, authority)).toBe(true);
    expect(key).toContain("PRIVATE KEY");
  });

  test("has a subject of its own, so that a bundle can hold two", async () => {
    const [a, b] = await Promise.all([1, 2].map(() => createAuthority({ organization: "widgets", ...aroundNow() })));
    expect(only(a?.cert ?? "").x509.subject).not.toBe(only(b?.cert ?? "").x509.subject);
  });

  test("is dated as asked, before and after 2050", async () => {
    const notBefore = Date.UTC(2049, 11, 31, 23, 59, 59);
    const notAfter = Date.UTC(2050, 0, 1, 0, 0, 1);
    const authority = only((await createAuthority({ organization: "widgets", notBefore, notAfter })).cert);
    expect([authority.notBefore, authority.notAfter]).toEqual([notBefore, notAfter]);
  });
});

describe("a leaf", () => {
  test("is for its names and no others", async () => {
    const issuer = await createAuthority({ organization: "widgets", ...aroundNow() });
    const names = ["hook.default.svc", "hook.default", "10.1.2.3", "2001:db8::7"];
    const leaf = only((await issueLeaf({ issuer, names, ...aroundNow() })).cert);
    expect(names.every((name) => isFor(leaf, name))).toBe(true);
    expect(["hook", "other.default.svc", "10.1.2.4", "2001:db8::8"].some((name) => isFor(leaf, name))).toBe(false);
    expect(namesOf(leaf)).toHaveLength(names.length);
    expect(leaf.x509.ca).toBe(false);
    expect(isSignedBy(leaf, only(issuer.cert))).toBe(true);
  });

  test("is accepted by a client that trusts several authorities of one organisation", async () => {
    const authorities = [];
    for (let i = 0; i < 3; i++) authorities.push(await createAuthority({ organization: "widgets", ...aroundNow() }));
    const [, issuer] = authorities;
    if (issuer === undefined) throw new Error("no issuer");
    const pair = await issueLeaf({ issuer, names: ["127.0.0.1"], ...aroundNow() });
    const server = createServer(pair, (_request, response) => void response.end("hello"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const answer = await send(port, authorities.map(({ cert }) => cert).join(""));
      expect(answer.text).toBe("hello");
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test("of a name longer than a common name may be is for that name all the same", async () => {
    const issuer = await createAuthority({ organization: "widgets", ...aroundNow() });
    const name = `${"a".repeat(60)}.${"b".repeat(60)}.svc`;
    expect(isFor(only((await issueLeaf({ issuer, names: [name], ...aroundNow() })).cert), name)).toBe(true);
  });
});

describe("DER", () => {
  test("takes apart what it has put together", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 70_000 }), { maxLength: 4 }), (contents) => {
        const parts = contents.map((content) => octetString(Buffer.from(content)));
        expect(elements(sequence(...parts)).map(contentOf)).toEqual(contents.map((content) => Buffer.from(content)));
      }),
      { numRuns: 50 },
    );
  });

  test("writes integers with their sign bit free, and identifiers in base 128", () => {
    expect(integer(127n).toString("hex")).toBe("02017f");
    expect(integer(128n).toString("hex")).toBe("02020080");
    expect(objectIdentifier("1.2.840.10045.4.3.2").toString("hex")).toBe("06082a8648ce3d040302");
  });

  test.each([
    ["127.0.0.1", "7f000001"],
    ["::1", "00000000000000000000000000000001"],
    ["2001:db8::7:0", "20010db8000000000000000000070000"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["::ffff:10.0.0.1", "00000000000000000000ffff0a000001"],
    ["0:0:0:0:0:0:0:1", "00000000000000000000000000000001"],
  ])("knows the bytes of %s", (address, hex) => {
    expect(addressBytes(address).toString("hex")).toBe(hex);
  });
});

describe("the names of a certificate", () => {
  test("of a Service are those by which the API server and people ask for it", () => {
    const names = ["hook.widgets.svc", "hook.widgets.svc.cluster.local", "hook.widgets"];
    expect(servingNames({ service: { namespace: "widgets", name: "hook" } })).toEqual(names);
  });

  test.each([
    ["https://127.0.0.1:9443", "127.0.0.1"],
    ["https://[::1]:9443/base", "::1"],
    ["https://host.example.com", "host.example.com"],
  ])("of %s is its host", (url, name) => {
    expect(servingNames({ url })).toEqual([name]);
  });

  test.each(["http://127.0.0.1", "127.0.0.1:9443", ""])("are not to be had of %j", (url) => {
    expect(() => servingNames({ url })).toThrow(TypeError);
  });
});
