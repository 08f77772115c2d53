/** What a virtual machine does from its first process on. */

/** Where things are in a virtual machine. */
export const IN_MACHINE = {
  lower: "/in/lower",
  store: "/in/store",
  upper: "/out/upper",
  work: "/out/work",
  status: "/out/status",
  root: "/root",
  tools: "/tools",
  cgroup: "/cgroup/script",
} as const;

/** The name of the port that the script's output goes to. */
export const LOG_PORT = "log";
/** On the kernel's command line: a machine that is to show that it boots, and nothing else. */
export const TRIAL = "laminix.trial";
/** What it says then. */
export const ALIVE = "laminix: alive";

/** @param modules names of files in `/modules`, in the order in which they are loaded */
export function init(modules: readonly string[]): string {
  return String.raw`#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /in /out /root /cgroup
/bin/busybox mount -t proc proc /proc
if /bin/busybox grep -q ${TRIAL} /proc/cmdline; then
  echo "${ALIVE}"
  exec /bin/busybox reboot -f
fi
export PATH=/tools/bin
/bin/busybox --install -s /tools/bin
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in ${modules.join(" ")}; do insmod "/modules/$module"; done
end() { sync; reboot -f; }
wait_for() { for i in $(seq 100); do [ ! -e "$1" ] || return 0; sleep 0.1; done; echo "no $1"; end; }
wait_for /dev/vda; wait_for /dev/vdb; wait_for /sys/class/virtio-ports
for i in $(seq 100); do
  for port in /sys/class/virtio-ports/*; do
    if [ "$(cat "$port/name" 2>/dev/null)" = ${LOG_PORT} ]; then ln -sf "$(basename "$port")" /dev/log; fi
  done
  [ ! -e /dev/log ] || break
  sleep 0.1
done
mount -t ext4 -o ro,noatime /dev/vda /in || end
mount -t ext4 -o noatime /dev/vdb /out || end
echo begun=1 > ${IN_MACHINE.status}
sync
if [ -d /sys/class/net/eth0 ]; then
  ip addr add 10.0.2.15/24 dev eth0
  ip link set eth0 up
  ip route add default via 10.0.2.2
fi
mount -t cgroup2 cgroup2 /cgroup
# What is too much shows when it is used, not when it is asked for.
echo 1 > /proc/sys/vm/overcommit_memory
echo "+memory +pids" > /cgroup/cgroup.subtree_control
mkdir ${IN_MACHINE.cgroup}
total=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
echo $(((total - ${RESERVED_KIB}) * 1024)) > ${IN_MACHINE.cgroup}/memory.max
echo 1 > ${IN_MACHINE.cgroup}/memory.oom.group
echo $((total / 1024 + 256)) > ${IN_MACHINE.cgroup}/pids.max
sh /tools/stage 3> /dev/log
umount /out
end
`;
}

/** Memory that the machine keeps from the script, for itself. */
const RESERVED_KIB = 24 * 1024;
