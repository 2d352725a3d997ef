#!/bin/busybox sh
# The first process of the virtual machine: mounts the disk and runs the writer, whose output goes to the
# host through a port of virtio-serial. The command line of the kernel says with which arguments.
busybox() { /bin/busybox "$@"; }
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk virtio_console; do
  [ -f /modules/$module.ko ] && busybox insmod /modules/$module.ko
done
tries=0
while [ ! -c /dev/vport0p1 -o ! -b /dev/vda ] && [ $tries -lt 200 ]; do
  busybox sleep 0.05
  tries=$((tries + 1))
done
busybox mount -t ext4 /dev/vda /mnt || busybox poweroff -f
/bin/node /app/run.mjs > /dev/vport0p1
busybox sync
busybox poweroff -f
