import { carriedOut } from "../../../../controller-runtime/src/webhook/certificate-change.ts";
import { NOTHING, SECRET_TYPE, secretDataOf } from "../../../../controller-runtime/src/webhook/certificate-holding.ts";
import { DEFAULT_POLICY } from "../../../../controller-runtime/src/webhook/webhooks.ts";
import { NAME } from "../../../src/rbac/names.ts";

/** What a manager writes into the Secret of the webhooks' certificates at first. `organization`: whose CA it is. */
export const filledSecret = async (organization: string = NAME) => {
  const now = Date.now();
  const context = { policy: DEFAULT_POLICY, names: ["localhost"], organization, now, serving: NOTHING };
  return { type: SECRET_TYPE, data: secretDataOf(await carriedOut({ kind: "start" }, NOTHING, context)) };
};
