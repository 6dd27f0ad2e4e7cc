import { randomUUID } from "node:crypto";
import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stringify } from "yaml";
import type { AdminClient } from "./admin-client.ts";
import { AUDIT_LOG, AUDIT_POLICY } from "./components.ts";
import { poll } from "./poll.ts";

/** One request as the API server's audit log has it, at level Metadata: who asked for what, no bodies. */
export interface AuditEvent {
  readonly auditID: string;
  /** `ResponseStarted` (long-running requests only), `ResponseComplete` or `Panic`. */
  readonly stage: string;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly groups?: readonly string[] };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

/** Everything, without bodies, and once: the stage at which a request comes in says nothing that its end does not. */
const policy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata" }],
};

/** Writes the audit policy to the state folder. */
export const writeAuditPolicy = (state: string): void => writeFileSync(join(state, AUDIT_POLICY), stringify(policy));

/**
 * Reads the audit log. An answer can be on its way a moment before its line is, so this sends a request of its own and
 * waits for that one's line: what was answered before the call is in the result.
 */
export const readAuditEvents = async (state: string, client: AdminClient): Promise<AuditEvent[]> => {
  const marker = `/version?marker=${randomUUID()}`;
  await client.request("GET", marker);
  const isMarker = ({ requestURI }: AuditEvent) => requestURI.startsWith("/version?marker=");
  const events = await poll(
    async () => {
      const read = await readLog(join(state, AUDIT_LOG));
      return read.some(({ requestURI }) => requestURI === marker) ? read : undefined;
    },
    { timeout: 10_000, what: "the audit log holds the request that was just made" },
  );
  return events.filter((event) => !isMarker(event));
};

const readLog = async (file: string): Promise<AuditEvent[]> => {
  const events: AuditEvent[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    // The last line may be half written.
    if (line.endsWith("}")) events.push(JSON.parse(line) as AuditEvent);
  }
  return events;
};
