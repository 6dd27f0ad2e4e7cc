import { setTimeout } from "node:timers/promises";
import { BpfMap, openHandles } from "../../src/index.ts";

const lose = (): void => {
  BpfMap.create({ type: "array", name: "lost", keySize: 4, valueSize: 8, maxEntries: 1 });
};

lose();
// A collector's callbacks run some time after it: look until they did, or the parent's patience ends.
while (openHandles().some(({ collected }) => !collected)) {
  globalThis.gc?.();
  await setTimeout(1);
}
console.log(JSON.stringify(openHandles().map(({ kind, name, collected }) => ({ kind, name, collected }))));
