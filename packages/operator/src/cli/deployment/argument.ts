import { InvalidArgumentError } from "commander";
import { MAX_NAME } from "../../api/syntax.ts";

/** As kubectl takes them: singular, plural and short name, with the group and version or without. */
const KIND = /^(?:deploy|deployments?)(?:(?:[.]v1)?[.]apps)?$/i;
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/**
 * The name in `deployment/web`, `deploy/web`, `deployments/web`, `deployment.apps/web`.
 *
 * @throws InvalidArgumentError that says what is wrong.
 */
export const deploymentName = (text: string): string => {
  const [kind = "", name, ...more] = text.split("/");
  if (name === undefined || more.length > 0) throw new InvalidArgumentError("It must be deployment/NAME.");
  if (!KIND.test(kind))
    throw new InvalidArgumentError(`It must be deployment/NAME: logs of a ${kind} are not looked at.`);
  if (name.length <= MAX_NAME && NAME.test(name)) return name;
  throw new InvalidArgumentError(`"${name}" cannot be the name of a Deployment.`);
};
