import { openObject, RingBuffer } from "@pcmc/libbpf";
import { send } from "./send.ts";

const [file = "", cgroup = ""] = process.argv.slice(2);

using object = openObject(file, { rodata: { blocked_port: 53 } }).load();
using drops = new RingBuffer(object.map("drops"));
{
  using _link = object.program("egress").attachCgroup(cgroup);
  send(cgroup, 53);
  send(cgroup, 123);
}
send(cgroup, 53); // The link is closed: nothing counts or drops this one.

const [passed, dropped] = object.map("counts").sumPerCpu(0) ?? [];
console.log(`${passed} passed, ${dropped} dropped`); // 1 passed, 1 dropped
console.log(drops.read().map((record) => record.readUInt16LE())); // [ 53 ]
