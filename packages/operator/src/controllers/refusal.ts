import { ApiError, ForbiddenError, InvalidError, RequestEntityTooLargeError } from "@pcmc/controller-runtime";

/** Why the API server does not take an object, where asking again soon will not change its mind. */
export interface Refusal {
  readonly reason: "QuotaExceeded" | "AdmissionDenied" | "TooLarge" | "Rejected";
  readonly message: string;
}

/**
 * The refusal that an error stands for; `undefined` for everything that is worth another try, a missing permission
 * included: RBAC is granted from outside, and soon.
 *
 * The API has no reasons of its own for these; the texts are those of the quota admission plugin and of the webhook and
 * policy dispatchers (k8s.io/apiserver, pkg/admission/plugin).
 */
export const refusalOf = (error: unknown): Refusal | undefined => {
  if (!(error instanceof ApiError)) return undefined;
  const { message } = error;
  if (error instanceof RequestEntityTooLargeError) return { reason: "TooLarge", message };
  if (isTerminatingNamespace(error)) return undefined;
  // A webhook chooses code and reason of its denial itself.
  if (/admission webhook ".*" denied the request|ValidatingAdmissionPolicy '.*' .*denied request/s.test(message)) {
    return { reason: "AdmissionDenied", message };
  }
  if (error instanceof ForbiddenError && message.includes("exceeded quota:"))
    return { reason: "QuotaExceeded", message };
  if (error instanceof InvalidError) return { reason: "Rejected", message };
  return undefined;
};

/** Whether the namespace is on its way out: nothing can be made there, and nothing needs to be. */
export const isTerminatingNamespace = (error: unknown): boolean =>
  error instanceof ForbiddenError && error.hasCause("NamespaceTerminating");
