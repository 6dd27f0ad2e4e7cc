/*
 * Invariants
 * - What is served is what the source has, all of it: also where the certificate is the same and what comes with it is not.
 * - A connection goes when something else is served than what it was opened with, and stays when that is the same.
 */
import { once } from "node:events";
import { Agent } from "node:https";
import { connect } from "node:tls";
import { expect, test } from "vitest";
import { allow } from "../../src/webhook/admission-result.ts";
import { review, send, servingPair, startServer } from "./rig.ts";

const routes = { "/validate": { handler: () => allow() } };

/** The certificates that a new connection is shown, by their subjects. A client without a CA adds none of its own. */
const shownAt = async (port: number): Promise<readonly string[]> => {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { subject, issuerCertificate } = socket.getPeerCertificate(true);
  socket.destroy();
  return [subject, ...(issuerCertificate === undefined ? [] : [issuerCertificate.subject])].map(({ CN }) => String(CN));
};

test("a chain that is completed later is served from then on", async () => {
  const { ca, serving } = await servingPair();
  await using server = await startServer({ routes });
  server.source.replace(serving);
  expect(await shownAt(server.port)).toEqual(["127.0.0.1"]);
  server.source.replace({ ...serving, cert: `${serving.cert}${ca}` });
  expect(await shownAt(server.port)).toEqual(["127.0.0.1", expect.stringMatching(/^test CA /)]);
});

test("a connection is asked to go when the chain is another one, and not when it is the same", async () => {
  const { ca, serving } = await servingPair();
  await using server = await startServer({ routes });
  server.source.replace(serving);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const connection = async () => (await send(server.port, ca, { body: review(), agent })).headers.connection;
  await connection();
  server.source.replace({ ...serving });
  expect(await connection()).toBe("keep-alive");
  server.source.replace({ ...serving, cert: `${serving.cert}${ca}` });
  expect(await connection()).toBe("close");
  agent.destroy();
});
