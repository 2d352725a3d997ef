#!/usr/bin/env bash
# Boots the virtual machine on a disk and runs a program in it, whose output is that of this script.
# Arguments: the folder that prepare.sh made, the image of the disk, then the program as it would be run
# here: node, script below the repository, directory (in the machine /mnt/wal), and what follows.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 disk=$2
shift 3
arguments=$(node "$here/guest-arguments.mjs" "$(cd "$here/../.." && pwd)" "$@")
# The process becomes QEMU, so that killing it is the power cut. Its input is a pipe that never ends: at the
# end of its input QEMU would take nothing more from the machine.
exec qemu-system-x86_64 -machine "accel=${BABUZA_VM_ACCEL:-tcg}" -m 768 -nodefaults -display none -no-reboot \
  -kernel "$folder/vmlinuz" -initrd "$folder/initramfs" \
  -append "console=ttyS0 quiet panic=-1 no_timer_check babuza=$arguments" -serial "file:$folder/console.log" \
  -device virtio-serial-pci -chardev stdio,id=output,signal=off -device virtserialport,chardev=output \
  -drive "file=$disk,format=raw,if=virtio,cache=writeback" 0<> "$folder/input"
