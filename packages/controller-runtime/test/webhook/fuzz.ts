import { Agent } from "node:https";
import { encode } from "../../src/client/encode.ts";
import { allow, deny } from "../../src/webhook/admission-result.ts";
import { parseReview } from "../../src/webhook/review.ts";
import { seededRandom } from "../queue/seeded-random.ts";
import { mutated } from "./mutation.ts";
import { type Answer, review, startServer } from "./rig.ts";

/** What came back for many mutated reviews. */
export interface FuzzReport {
  readonly sent: number;
  /** How many by HTTP status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** What should not have come back, with the seed that shows it again. */
  readonly faults: readonly string[];
}

/** Requests at a time. */
const WORKERS = 16;

/** Reads all of the object, as a handler would, and says parts of it back. */
const handler = ({ object, userInfo }: ReturnType<typeof parseReview>) => {
  const text = encode(object ?? null);
  const warnings = [text.slice(0, 300), userInfo.username];
  return text.length % 2 === 0 ? allow({ warnings }) : deny({ message: text.slice(0, 100), warnings });
};

/** Sends `count` mutated reviews to a server, the same for the same seed. */
export const fuzz = async (count: number, seed: number): Promise<FuzzReport> => {
  await using server = await startServer({ routes: { "/validate": { handler } } });
  const agent = new Agent({ keepAlive: true, maxSockets: WORKERS });
  const statuses: Record<string, number> = {};
  const faults: string[] = [];
  let next = 0;
  const work = async () => {
    while (next < count) {
      const number = seed + next++;
      const body = mutated(SAMPLES[number % SAMPLES.length] ?? "", seededRandom(number));
      const answer = await server.send({ path: "/validate?timeout=10s", body, agent }).catch(failed);
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      const fault = faultOf(body, answer);
      if (fault !== undefined) faults.push(`seed ${number}: ${fault}`);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  agent.destroy();
  if (Object.hasOwn(Object.prototype, "polluted")) faults.push("a prototype has been changed");
  return { sent: count, statuses, faults };
};

const SAMPLES = [
  review(),
  review({
    operation: "UPDATE",
    oldObject: { metadata: { name: "settings" }, spec: { list: [1, 2.5, -3], text: "ä\n" } },
  }),
  review({ operation: "DELETE", object: null, oldObject: { metadata: { name: "settings" } }, dryRun: true }),
  review({ operation: "CONNECT", subResource: "exec", object: { kind: "PodExecOptions" }, userInfo: {} }),
];

const failed = (error: unknown): Answer => ({ status: 0, headers: {}, text: String(error) });

const faultOf = (body: Buffer, { status, text }: Answer): string | undefined => {
  if (status >= 400 && status < 500) return /^[^\n]{1,1000}\n$/.test(text) ? undefined : `not one line: ${text}`;
  if (status !== 200) return `${status} ${text}`;
  const { apiVersion, kind, response } = JSON.parse(text);
  const isAnswer = apiVersion === "admission.k8s.io/v1" && kind === "AdmissionReview";
  return isAnswer && response.uid === parseReview(body).uid ? undefined : `not the answer: ${text}`;
};
