#!/bin/sh
# The first process of the kernel that run.ts boots: the machine's own files, read-only, and nothing else running.
# Gets $PROJECT and $SUITES as the kernel's parameters. Ends by saying `EXIT <code>`.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin CI=1 HOME=/run TMPDIR=/run/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -m 1777 /run/tmp
ip link set lo up
hostname gitfn-kernel
cd "$PROJECT" || exit
node_modules/.bin/node node_modules/vitest/vitest.mjs run --config test/kernel/vitest.config.ts \
  --configLoader runner $(echo "$SUITES" | tr , ' ')
echo "EXIT $?"
poweroff -f -d
