import { setTimeout as pause } from "node:timers/promises";

/** Waits until `condition` holds, and says what did not after the deadline. */
export const until = async (condition: () => boolean | Promise<boolean>, deadline = 10_000): Promise<void> => {
  const end = performance.now() + deadline;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`did not come true in ${deadline} ms: ${condition}`);
    await pause(2);
  }
};
