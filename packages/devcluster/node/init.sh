#!/bin/sh
# The first process of a real node: makes the node's own namespaces and stays as their process 1.
#
# Arguments: the state folder, the node's name, the cgroup that it is confined to, and for each cgroup hierarchy
# TYPE:OPTIONS:MOUNTPOINT. Writes the file `node-ready` to the state folder when everything is in place.
#
# It is called twice: outside, where it enters the cgroup first, because the cgroup namespace is rooted at the cgroup
# in which it is made; then inside the namespaces, as process 1.
set -eu

state=$1 name=$2 cgroup=$3

if [ -z "${PCMC_NODE_INSIDE:-}" ]; then
  script=$(readlink -f "$0")
  folder=$(dirname "$script")
  (shift 3; for hierarchy in "$@"; do echo "${hierarchy#*:*:}/$cgroup"; done) >"$state/cgroups"
  while read -r path; do echo $$ >"$path/cgroup.procs"; done <"$state/cgroups"
  export PCMC_NODE_INSIDE=1
  # --kill-child: the kernel ends process 1, and with it everything in the pid namespace, when this one ends.
  exec unshare --mount --net --pid --cgroup --ipc --uts --fork --kill-child --mount-proc /bin/sh "$folder/init.sh" "$@"
fi

shift 3
unset PCMC_NODE_INSIDE

# Containers may ask for mount propagation. The peer group is a new one: nothing gets out to the host.
mount --make-rshared /

# What the node writes outside the state folder goes to places of its own, at the paths where everybody expects it.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/pcmc/upper /run/pcmc/work "$state/node/kubelet" "$state/node/containerd" "$state/node/log"
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/pcmc/upper,workdir=/run/pcmc/work overlay /var/lib
mkdir -p /var/lib/kubelet /var/lib/containerd
mount --bind "$state/node/kubelet" /var/lib/kubelet
mount --bind "$state/node/containerd" /var/lib/containerd
mount --bind "$state/node/log" /var/log

# The node's own network devices and, rooted at its cgroup, its own cgroups.
mount -t sysfs sysfs /sys
# Where programs and maps of BPF are pinned: the node's own, so that what is pinned there ends with it. A kernel
# without BPF has no such folder.
if [ -d /sys/fs/bpf ]; then mount -t bpf -o mode=700 bpf /sys/fs/bpf; fi
case "$*" in *:/sys/fs/cgroup/*) mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup ;; esac
for hierarchy in "$@"; do
  rest=${hierarchy#*:}
  mkdir -p "${rest#*:}"
  mount -t "${hierarchy%%:*}" -o "${rest%%:*}" cgroup "${rest#*:}"
  # Processes stand in leaves: a cgroup of version 2 with controllers for its children may hold none itself.
  echo $$ >"${rest#*:}/node/cgroup.procs"
done

# kubelet writes these, which are the machine's and not the node's. It leaves alone what already has its value.
fix() {
  if [ -e "/proc/sys/$1" ]; then
    mkdir -p "/run/pcmc/sysctl/$(dirname "$1")"
    echo "$2" >"/run/pcmc/sysctl/$1"
    mount --bind "/run/pcmc/sysctl/$1" "/proc/sys/$1"
  fi
}
fix vm/overcommit_memory 1
fix vm/panic_on_oom 0
fix kernel/panic 10
fix kernel/panic_on_oops 1
fix kernel/keys/root_maxkeys 1000000
fix kernel/keys/root_maxbytes 25000000

# These belong to the network namespace.
echo 1 >/proc/sys/net/ipv4/ip_forward
if [ -d /proc/sys/net/ipv6 ]; then echo 1 >/proc/sys/net/ipv6/conf/all/forwarding; fi
ip link set lo up
hostname "$name"

# The shims and what containers orphan end up here. A parent that ignores SIGCHLD needs no wait(), and exec keeps that.
trap '' CHLD
: >"$state/node-ready"
exec sleep 2147483647
