import { BpfLink, BpfMap, makePinFolder, openObject, unpin } from "@pcmc/libbpf";
import { send } from "./send.ts";

const [file = "", cgroup = "", pins = ""] = process.argv.slice(2);

const folder = `${pins}/example`;
makePinFolder(folder);
{
  using object = openObject(file, { rodata: { blocked_port: 53 } }).load();
  using link = object.program("egress").attachCgroup(cgroup);
  object.map("counts").pin(`${folder}/counts`);
  link.pin(`${folder}/egress`);
}
send(cgroup, 53); // All handles are closed, as after a crash. The pins keep program and counters at work.

using counts = BpfMap.openPinned(`${folder}/counts`, { expect: { type: "percpu_array", valueSize: 16 } });
using link = BpfLink.openPinned(`${folder}/egress`);
console.log(counts.sumPerCpu(0)?.[1]); // 1n

// A newer program takes the old one's place: with the same counters, and without a moment in which there is none.
using newer = openObject(file, { rodata: { blocked_port: 123 }, mapFds: { counts } }).load();
link.update(newer.program("egress"));
send(cgroup, 123);
console.log(counts.sumPerCpu(0)?.[1]); // 2n

unpin(`${folder}/egress`);
unpin(`${folder}/counts`);
