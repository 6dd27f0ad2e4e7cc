import { oursFor } from "../access/ours.ts";
import { type Readers, readersOf } from "../access/readers.ts";
import { subjectText } from "../access/subject.ts";
import { type DeploymentPods, readDeployment } from "./deployment/read-deployment.ts";
import { type ClusterFlags, withCluster } from "./deployment/session.ts";
import { EXIT, type Io } from "./io.ts";
import { jsonOf } from "./who-can-read/json.ts";
import { type ReadRbac, readRbac } from "./who-can-read/read-rbac.ts";
import { referenceText, tableOf } from "./who-can-read/table.ts";

/** What `pcmc who-can-read` was asked for. */
export interface WhoCanReadOptions extends ClusterFlags {
  readonly output: "table" | "json";
}

/** Who can read the logs of a Deployment's Pods. */
export interface Answer extends DeploymentPods, Readers, Pick<ReadRbac, "unseen"> {}

/** What RBAC does not show. */
const LIMITS = [
  "members of the group system:masters can do everything, past RBAC, whoever issued their certificates",
  "only RBAC is looked at: what other authorizers of the API server allow cannot be listed",
];

/**
 * Prints who can read the logs of a Deployment's current Pods, and by which binding and rule.
 *
 * @returns 0; 1 where not all of it may be read, which is told on standard error.
 * @throws InputError when the cluster or the Deployment cannot be read.
 */
export const whoCanRead = async (name: string, options: WhoCanReadOptions, io: Io): Promise<number> => {
  const answer = await withCluster(options, io, async ({ client, namespace }): Promise<Answer> => {
    const found = await readDeployment(client, { namespace, name });
    const { objects, unseen } = await readRbac(client, namespace);
    return { ...found, ...readersOf({ objects, pods: found.pods, isOurs: oursFor(found) }), unseen };
  });
  io.stdout(options.output === "json" ? jsonOf(answer) : tableOf(answer.readers, answer.pods));
  for (const note of notesOf(answer)) io.stderr(`note: ${note}\n`);
  for (const { message } of answer.unseen) io.stderr(`not all is shown: ${message}\n`);
  return answer.unseen.length > 0 ? EXIT.failed : EXIT.ok;
};

const notesOf = ({ deployment, pods, readers, open }: Answer): readonly string[] => [
  ...(pods.length === 0
    ? [`Deployment ${deployment.metadata.name} has no Pods now; who is shown can read those to come`]
    : []),
  ...(readers.length === 0 ? ["nobody was found who can read these logs"] : []),
  ...open.map(openText),
  ...LIMITS,
];

const openText = ({ binding, role, subjects, why }: Answer["open"][number]): string => {
  const whom = subjects.map(subjectText).join(", ") || "nobody";
  const reason = why === "missing" ? "which does not exist: whoever makes it decides" : "which may not be read";
  return `${referenceText(binding)} gives ${whom} the ${referenceText(role)}, ${reason}`;
};
