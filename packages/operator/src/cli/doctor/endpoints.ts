import type { Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { BoundedAnswer } from "../top/bounded-get.ts";
import type { RunningOperator } from "./operator.ts";
import { podPage, refusalIn } from "./pod-page.ts";
import type { Reader } from "./reader.ts";
import { judged, known, type Seen } from "./seen.ts";
import { failed, ok, type Verdict, warning } from "./verdict.ts";

/** What one replica serves. */
export interface Replica {
  readonly name: string;
  readonly readyz: Seen<BoundedAnswer>;
  readonly metrics: Seen<BoundedAnswer>;
}

export interface EndpointFacts {
  readonly replicas: readonly Replica[];
}

/** Replicas that are asked. */
const MOST = 10;

export const readEndpoints = async (reader: Reader, operator: RunningOperator | undefined): Promise<EndpointFacts> => {
  const pods = (operator && known(operator.pods)?.items) ?? [];
  if (operator?.settings?.metricsAddr === "off") return { replicas: [] };
  return {
    replicas: await Promise.all(
      pods
        .filter(isRunning)
        .slice(0, MOST)
        .map((pod) => replicaOf(reader, pod)),
    ),
  };
};

const isRunning = ({ status, metadata }: Stored<Pod>): boolean =>
  status?.phase === "Running" && metadata.deletionTimestamp === undefined;

const replicaOf = async (reader: Reader, pod: Stored<Pod>): Promise<Replica> => {
  const [readyz, metrics] = await Promise.all([podPage(reader, pod, "/readyz"), podPage(reader, pod, "/metrics")]);
  return { name: pod.metadata.name, readyz, metrics };
};

/** Behind the proxy nobody answers: what the API server says then. */
const isUnreachable = ({ status }: BoundedAnswer): boolean => status === 502 || status === 503 || status === 504;

const REACH =
  "see that the API server may reach the Pod at its port metrics (NetworkPolicy, firewall of the nodes); Prometheus may reach it all the same";

export const judgeReadyz = ({ replicas }: EndpointFacts): readonly Verdict[] =>
  replicas.flatMap(({ name, readyz }) =>
    judged(`/readyz of Pod ${name}`, readyz, (answer) => {
      const refusal = refusalIn(answer);
      if (refusal === undefined) return [ok(`Pod ${name} says that it is ready`)];
      if (isUnreachable(answer) && !answer.text.startsWith("[")) {
        return [warning(`Pod ${name} cannot be asked through the API server: ${refusal}`, REACH)];
      }
      return [failed(`Pod ${name} is not ready: ${refusal}`, "its log says more: kubectl logs")];
    }),
  );

export const judgeMetrics = ({ replicas }: EndpointFacts): readonly Verdict[] =>
  replicas.flatMap(({ name, metrics }) =>
    judged(`/metrics of Pod ${name}`, metrics, (answer) => {
      if (answer.status === 200 && answer.text.includes("podconfigmap_controller_")) {
        return [ok(`Pod ${name} serves metrics`)];
      }
      return [warning(`Pod ${name} serves no metrics: it answers ${answer.status}`, REACH)];
    }),
  );
