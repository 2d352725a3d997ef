/**
 * Power cuts of a virtual machine: a Linux with ext4 writes to a disk, and QEMU is killed. The disk
 * image lies on the file system of `tools/lossy-fs`, so that data which the machine had not flushed
 * from the disk's cache is lost too. `tools/power-cut-vm/README.md` describes how to make the
 * machine. `BABUZA_VM` is its directory, `BABUZA_VM_CUTS` the number of cuts for each back end, and
 * `BABUZA_SEED` the seed.
 */
import { execFileSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SeededRandom } from '@babuza/testkit';
import { CheckedWriter } from '../../wal-level-disk/test/support/checked-writer.ts';
import { has } from '../../wal-level-disk/test/support/tools.ts';
import { backEnds, type CutBackEnd } from './power-cuts/back-ends.ts';
import { endBoot } from './power-cuts/end-boot.ts';
import { canCutPower, LossyDisk } from './power-cuts/lossy-disk.ts';

const vm = process.env['BABUZA_VM'] ?? '';
const cuts = Number(process.env['BABUZA_VM_CUTS'] ?? 3);
const seed = Number(process.env['BABUZA_SEED'] ?? 1);
const bootScript = fileURLToPath(new URL('../../../tools/power-cut-vm/boot.sh', import.meta.url));

/** A machine takes long to boot, so the test runs only if somebody has prepared one. */
async function canBoot(): Promise<boolean> {
  if (vm === '') {
    console.warn('not run: power cuts of a virtual machine: BABUZA_VM names no folder with one');
    return false;
  }
  const what = 'power cuts of a virtual machine';
  return has(what, 'qemu-system-x86_64', '--version') && (await canCutPower());
}

class Machine {
  readonly #disk: LossyDisk;
  readonly #image: string;
  readonly #mountPoint: string;
  readonly #writer: CheckedWriter;
  readonly #random: SeededRandom;

  constructor(disk: LossyDisk, mountPoint: string, backEnd: CutBackEnd) {
    this.#disk = disk;
    this.#image = `${disk.directory}/disk.img`;
    this.#mountPoint = mountPoint;
    this.#writer = new CheckedWriter(`${mountPoint}/wal`, backEnd);
    this.#random = new SeededRandom(seed);
    execFileSync('cp', ['--sparse=always', `${vm}/disk.img`, this.#image]);
    execFileSync('sync', [this.#image]);
    execFileSync('sync', [disk.directory]);
  }

  get acknowledged(): number {
    return this.#writer.acknowledged;
  }

  /** Boots, cuts the power at a random moment of the work, and checks the disk. */
  async cut(number: number): Promise<string[]> {
    const afterMs = this.#random.below(3000);
    let isOpen = false;
    const { ended, failure } = await this.#writer.run({
      seed: seed * 10_000 + number,
      batches: 0,
      through: [bootScript, vm, this.#image],
      onLine: (line, child: ChildProcess) => {
        if (line !== 'open') return;
        isOpen = true;
        setTimeout(() => child.kill('SIGKILL'), afterMs);
      },
    });
    const context = `cut ${number}; see ${vm}/console.log`;
    expect([isOpen, failure, ended], context).toEqual([true, undefined, false]);
    await this.#disk.cut(seed * 10_000 + number);
    execFileSync('mount', ['-o', 'loop', this.#image, this.#mountPoint]);
    try {
      await endBoot(`${this.#mountPoint}/wal`);
      const { violations } = await this.#writer.check();
      return violations.map((text) => `cut ${number}, ${afterMs} ms after it was open: ${text}`);
    } finally {
      execFileSync('umount', [this.#mountPoint]);
    }
  }
}

it.skipIf(!(await canBoot())).each(backEnds)(
  `${cuts} power cuts of a virtual machine lose nothing that was acknowledged: $name`,
  async (backEnd) => {
    const disk = await LossyDisk.mount('names-in-order');
    const mountPoint = await mkdtemp(`${tmpdir()}/babuza-vm-`);
    try {
      const machine = new Machine(disk, mountPoint, backEnd);
      for (let cut = 1; cut <= cuts; cut += 1) expect(await machine.cut(cut)).toEqual([]);
      console.log(
        `${backEnd.name}: ${cuts} power cuts of a virtual machine; ${machine.acknowledged} batches were acknowledged, none was lost`,
      );
      expect(machine.acknowledged).toBeGreaterThan(0);
    } finally {
      await disk.close();
      await rmdir(mountPoint);
    }
  },
  3_600_000,
);
