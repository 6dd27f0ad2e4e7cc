import { type ControllerObserver, parseKey } from "@pcmc/controller-runtime";
import { RESOURCE_TYPES } from "./group-metrics.ts";
import type { OperatorMetrics } from "./operator-metrics.ts";

/**
 * Hands everything on to `observer`, and counts reconciles under the product's own names too: those of controllers that are
 * named as the label `resource_type` has it.
 */
export const reconcileObserver = (observer: ControllerObserver, metrics: OperatorMetrics): ControllerObserver => ({
  ...observer,
  onReconcile: (result) => {
    observer.onReconcile(result);
    const type = RESOURCE_TYPES.find((known) => known === result.controller);
    if (type === undefined) return;
    const { namespace } = parseKey(result.key);
    // Whatever goes from a namespace is reconciled once more, so this sees the end of the last object.
    if (metrics.forgetUnheld(namespace)) return;
    // That the term or the process ended is no error of a reconcile.
    const errorType = result.errorType === "canceled" ? undefined : result.errorType;
    metrics.onReconcile(type, namespace, { seconds: result.seconds, errorType });
  },
});
