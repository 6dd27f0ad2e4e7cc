/** Tries one thing in the world that it is started in, and prints what came of it. */
import { join } from "node:path";
import {
  BpfError,
  BpfLink,
  BpfMap,
  enableRunStatistics,
  openObject,
  probeFeatures,
  RingBuffer,
} from "../../src/index.ts";

const [what = "", ...paths] = process.argv.slice(2);
const [object = "", second = "", third = ""] = paths;

const packet = Buffer.alloc(64);

const attempts: Readonly<Record<string, () => unknown>> = {
  load: () => {
    using opened = openObject(object).load();
    return opened.programNames.length;
  },
  "load relocated": () => {
    using opened = openObject(object, { programs: ["relocated"], btfPath: second === "" ? undefined : second }).load();
    return opened.program("relocated").info().name;
  },
  "create map": () => {
    using map = BpfMap.create({ type: "array", name: "map", keySize: 4, valueSize: 8, maxEntries: 1 });
    return map.type;
  },
  "create maps until none is left": () => {
    using stack = new DisposableStack();
    for (;;) stack.use(BpfMap.create({ type: "array", name: "map", keySize: 4, valueSize: 8, maxEntries: 1 }));
  },
  "raise memlock": () => {
    using opened = openObject(object, { memlock: 2 ** 40 });
    return opened.name;
  },
  statistics: () => {
    using statistics = enableRunStatistics();
    return statistics !== undefined;
  },
  probe: () => probeFeatures().filter(({ supported }) => !supported),
  everything: () => everything(object, { cgroup: second, pins: third }),
};

/** What an agent does, all of it. */
const everything = (path: string, { cgroup, pins }: { readonly cgroup: string; readonly pins: string }): string => {
  using opened = openObject(path).load();
  const counts = opened.map("counts");
  counts.pin(join(pins, "counts"));
  opened.program("ingress").testRun({ dataIn: packet });
  {
    using link = opened.program("egress").attachCgroup(cgroup);
    link.pin(join(pins, "link"));
    using calls = opened.program("on_call").attachRawTracepoint("sys_enter");
    calls.pin(join(pins, "calls"));
    calls.unpin(join(pins, "calls"));
  }
  using again = BpfLink.openPinned(join(pins, "link"));
  again.update(opened.program("egress"), { expected: opened.program("egress") });
  again.detach();
  using pinned = BpfMap.openPinned(join(pins, "counts"));
  using inner = BpfMap.create({ type: "array", name: "inner", keySize: 4, valueSize: 4, maxEntries: 1 });
  opened.map("policies").setInner(0, inner);
  using events = BpfMap.create({ type: "ringbuf", name: "events", keySize: 0, valueSize: 0, maxEntries: 65_536 });
  using ring = new RingBuffer(events);
  return `${pinned.sumArray()[0]} ${ring.read().length} ${opened.program("egress").info().name}`;
};

const attempt = (): unknown => {
  try {
    return { result: attempts[what]?.() };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { name, message } = error;
    if (!(error instanceof BpfError)) return { name, message };
    return { name, operation: error.operation, code: error.code, hint: error.hint };
  }
};

console.log(JSON.stringify(attempt()));
