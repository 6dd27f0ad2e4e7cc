import type { WatcherSpec } from "../../../api/watcher.ts";
import type { Finding } from "../../finding.ts";
import { environmentFindings } from "./environment.ts";
import { handlerFindings } from "./handlers.ts";
import { mountFindings } from "./mounts.ts";
import { portFindings } from "./ports.ts";
import { processFindings } from "./process.ts";
import { resourceFindings } from "./resources.ts";

/**
 * What the API server would refuse of the container in a Pod, beyond what the CRD says: with such a container no Pod that asks
 * for it could be created. Source: Kubernetes' pkg/apis/core/validation, `ValidatePodSpec`.
 */
export const containerFindings = (spec: WatcherSpec): readonly Finding[] =>
  [processFindings, environmentFindings, portFindings, mountFindings, resourceFindings, handlerFindings].flatMap(
    (findings) => findings(spec),
  );
