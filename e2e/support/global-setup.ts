import { whyNoRealNode } from "@pcmc/devcluster";

/** One line instead of a failure of each test. */
export const setup = (): void => {
  const reason = whyNoRealNode();
  if (reason) throw new Error(reason);
};
