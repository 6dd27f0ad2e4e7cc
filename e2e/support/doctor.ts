import type { RealCluster } from "@pcmc/devcluster";
import {
  type Diagnosis,
  diagnose,
  findsText,
  ofExactly,
  PATIENCE,
} from "../../packages/operator/test/integration/support/diagnosis.ts";
import { until } from "./until.ts";

/** Waits until doctor finds something by exactly these checks, and gives back what. */
export const doctorFinds = (cluster: RealCluster, ids: readonly string[]): Promise<Diagnosis> =>
  until(findsText(ids), async () => ofExactly(ids, await diagnose(cluster.kubeconfig)), PATIENCE);
