/** Invariant: each cgroup hierarchy is found with the options that mount the same one elsewhere, and nothing else is. */
import { expect, test } from "vitest";
import { parseHierarchies } from "../../src/real-node/cgroups.ts";

const OTHERS = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
24 22 0:22 / /proc rw,nosuid - proc proc rw
36 22 0:31 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
`;

test("the one hierarchy of version 2 is found", () => {
  const mountinfo = `${OTHERS}35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n`;
  expect(parseHierarchies(mountinfo)).toEqual([{ type: "cgroup2", options: "rw", mountPoint: "/sys/fs/cgroup" }]);
});

test("each hierarchy of version 1 is found with its controllers, and the one of version 2 beside them", () => {
  const mountinfo = `${OTHERS}37 36 0:32 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 master:2 - cgroup cgroup rw,cpu,cpuacct
38 36 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
39 36 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`;
  expect(parseHierarchies(mountinfo)).toEqual([
    { type: "cgroup", options: "cpu,cpuacct", mountPoint: "/sys/fs/cgroup/cpu,cpuacct" },
    { type: "cgroup", options: "memory", mountPoint: "/sys/fs/cgroup/memory" },
    { type: "cgroup2", options: "rw", mountPoint: "/sys/fs/cgroup/unified" },
  ]);
});

test("a hierarchy with a name and no controllers is asked for by name", () => {
  const line = "40 36 0:35 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/agent,name=systemd";
  expect(parseHierarchies(line)).toEqual([
    { type: "cgroup", options: "none,name=systemd", mountPoint: "/sys/fs/cgroup/systemd" },
  ]);
});
