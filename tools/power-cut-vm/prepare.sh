#!/usr/bin/env bash
# Makes what power-cut-vm boots, in the folder that is given: a kernel of Debian, an initramfs with Node.js
# and the built packages, and an empty disk. Nothing is installed. Needs apt-get, busybox-static, cpio, e2fsprogs.
set -euo pipefail
to=$(realpath -m "${1:?the folder to make, such as /var/tmp/power-cut-vm}")
repository=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$to" && cd "$to"

kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-6[^ ]*\).*/\1/p' | head -1)
[ -d kernel ] || { apt-get download "$kernel" && dpkg -x "$kernel"_*.deb kernel && rm "$kernel"_*.deb; }
cp kernel/boot/vmlinuz-* vmlinuz

rm -rf rootfs && mkdir -p rootfs/{bin,proc,sys,dev,mnt,modules,app}
cp /bin/busybox rootfs/bin/busybox
node=$(readlink -f "$(command -v node)")
cp "$node" rootfs/bin/node
for library in $(ldd "$node" | grep -o '/[^ ]*'); do cp --parents -L "$library" rootfs; done
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk virtio_console; do
  find kernel -name "$module.ko" -exec cp {} rootfs/modules \;
done
node "$repository/tools/power-cut-vm/copy-packages.mjs" "$repository" "$to/rootfs/app"
cp "$repository/tools/power-cut-vm/init.sh" rootfs/init
chmod +x rootfs/init
(cd rootfs && find . | cpio -o -H newc --quiet) > initramfs

[ -p input ] || mkfifo input
truncate -s 64M disk.img
mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 disk.img
echo "$to is ready"
