import { encode } from "../client/encode.ts";
import type { AdmissionResult, Denied } from "./admission-result.ts";
import type { AdmissionRequest } from "./review.ts";
import { cutWarnings } from "./warnings.ts";

/** The body of the answer to a request: an `AdmissionReview` of admission.k8s.io/v1 with the request's uid. */
export const reviewAnswer = (request: AdmissionRequest, result: AdmissionResult): string => {
  const { allowed, warnings = [], auditAnnotations } = result;
  const shown = cutWarnings(warnings);
  return encode({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: {
      uid: request.uid,
      allowed,
      ...(result.allowed ? patchOf(result.patch) : { status: statusOf(request, result) }),
      ...(shown.length === 0 ? {} : { warnings: shown }),
      ...(auditAnnotations === undefined ? {} : { auditAnnotations }),
    },
  });
};

/** A patch comes with its type, and no patch without: the API server refuses one alone. */
const patchOf = (patch: readonly unknown[] = []): object =>
  patch.length === 0 ? {} : { patchType: "JSONPatch", patch: Buffer.from(encode(patch)).toString("base64") };

/** Names the object as the API server's own refusals do: of an invalid one kubectl shows name and causes, not the message. */
const statusOf = ({ kind, name }: AdmissionRequest, { code, reason, message, causes }: Denied): object => ({
  status: "Failure",
  code,
  reason,
  message,
  details: {
    ...(name === "" ? {} : { name }),
    group: kind.group,
    kind: kind.kind,
    ...(causes.length === 0 ? {} : { causes }),
  },
});
