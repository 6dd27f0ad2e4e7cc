import type { ObjectMeta } from "@pcmc/controller-runtime";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { withMarks } from "../controllers/marks.ts";
import { type Claim, marksOf } from "./ownership.ts";
import type { DesiredConfigMap } from "./views.ts";

/** The ConfigMap of a pair as it is created: our data and our marks, no more. */
export const newConfigMap = (desired: DesiredConfigMap, claim: Claim): ConfigMap => {
  const { name, namespace } = desired;
  return configMapOf(desired, withMarks({ name, namespace }, marksOf(claim)).metadata);
};

/** The ConfigMap with our data under the given metadata. */
export const configMapOf = ({ data }: DesiredConfigMap, metadata: ObjectMeta): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata,
  data,
});
