import { fileURLToPath } from "node:url";
import { isAtLeast } from "@pcmc/devcluster";

const pathOf = (file: string): string => fileURLToPath(new URL(`../../../../../${file}`, import.meta.url));

/** agent.yaml is for Kubernetes 1.30 and later, as its head says: there is no guard for agents before. */
const MANIFESTS = isAtLeast("1.30")
  ? ["manifests"]
  : ["rbac", "deployment", "webhooks"].map((name) => `manifests/${name}.yaml`);

/** kubectl's flags for a folder of what is shipped, crd or manifests, as far as it is for this version of Kubernetes. */
export const shipped = (folder: "crd" | "manifests"): string[] =>
  (folder === "crd" ? ["crd"] : MANIFESTS).flatMap((file) => ["--filename", pathOf(file)]);
