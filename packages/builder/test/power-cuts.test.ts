/**
 * Power cuts below real processes with real system calls, including LevelDB's own: a process writes
 * to the file system of `tools/lossy-fs`, which drops unsynced data. All acknowledged data must be
 * there, and nothing that was never written. `BABUZA_CUTS` is the number of cuts for each back end,
 * `BABUZA_SEED` the seed; with `BABUZA_REQUIRE_TOOLS=1` missing tools are a failure.
 */
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { backEnds } from './power-cuts/back-ends.ts';
import { Cuts } from './power-cuts/cut-repeatedly.ts';
import { canCutPower, LossyDisk, type NameRule } from './power-cuts/lossy-disk.ts';

const cuts = Number(process.env['BABUZA_CUTS'] ?? 5);
const seed = Number(process.env['BABUZA_SEED'] ?? 1);

const isHere = await canCutPower();

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  await file.sync();
  await file.close();
}

const found = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => 'nothing');

/** The contents of synced and unsynced files after 40 cuts, sorted. */
async function leftBy(rule: NameRule): Promise<{ kept: string[]; moved: string[]; new: string[] }> {
  const disk = await LossyDisk.mount(rule);
  const seen = { kept: new Set<string>(), moved: new Set<string>(), new: new Set<string>() };
  try {
    for (let cut = 1; cut <= 40; cut += 1) {
      const directory = `${disk.directory}/${cut}`;
      await mkdir(directory);
      await sync(disk.directory);
      await writeFile(`${directory}/kept`, 'old');
      await sync(`${directory}/kept`);
      await sync(directory);
      await writeFile(`${directory}/moved`, 'new');
      await sync(`${directory}/moved`);
      await rename(`${directory}/moved`, `${directory}/renamed`);
      for (let file = 0; file < 8; file += 1) await writeFile(`${directory}/${file}`, 'new');
      await writeFile(`${directory}/kept`, 'new', { flag: 'r+' });
      await disk.cut(cut);
      seen.kept.add(await found(`${directory}/kept`));
      const names = [await found(`${directory}/moved`), await found(`${directory}/renamed`)];
      seen.moved.add(names.join(' renamed '));
      for (let file = 0; file < 8; file += 1) seen.new.add(await found(`${directory}/${file}`));
    }
  } finally {
    await disk.close();
  }
  const sorted = (texts: Set<string>): string[] => [...texts].sort();
  return { kept: sorted(seen.kept), moved: sorted(seen.moved), new: sorted(seen.new) };
}

it.skipIf(!isHere)(
  'the file system keeps what was synced, and forgets the rest in part',
  async () => {
    const zeros = '\0\0\0';
    const left = { kept: ['new', 'old'], new: ['', zeros, 'new', 'nothing'] };
    const either = ['new renamed nothing', 'nothing renamed new'];
    expect(await leftBy('names-by-directory')).toEqual({
      ...left,
      moved: [...either, 'nothing renamed nothing'],
    });
    // Syncing the file has kept the name under which it was created.
    expect(await leftBy('names-in-order')).toEqual({ ...left, moved: either });
  },
);

it.skipIf(!isHere).each(backEnds)(
  `${cuts} power cuts lose nothing that was acknowledged: $name`,
  async (backEnd) => {
    const disk = await LossyDisk.mount(backEnd.names);
    try {
      const run = new Cuts(disk, backEnd, seed);
      for (let cut = 1; cut <= cuts; cut += 1) expect(await run.cut(cut)).toEqual([]);
      const { acknowledged, whileOpening, repaired, unrepaired } = run.counts;
      console.log(
        `${backEnd.name}: ${cuts} power cuts, ${whileOpening} of them while the log was opened; ${acknowledged} batches were acknowledged, none was lost; ${repaired} logs were opened by repair, ${unrepaired} stayed refused`,
      );
      expect(acknowledged).toBeGreaterThan(cuts);
    } finally {
      await disk.close();
    }
  },
  1_200_000,
);
