/**
 * What etcd's own code wrote, and what it said of damaged logs, against ours on the real disk: the same bytes
 * from the same calls, the same answers to the same files. `BABUZA_ETCD_WAL_FIXTURES` names another folder of
 * the same form; without any, this says so, and fails where `CI` or `BABUZA_REQUIRE_FIXTURES` wants it.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { filesOfFolder, readArchive } from './support/archive.ts';
import { Expectation, type ExpectedLine } from './support/expected.ts';
import {
  expectedFile,
  fixtureFolder,
  readIndex,
  readLines,
  type Fixture,
} from './support/fixture-set.ts';
import { compare, compareSnapshotFiles, reproduce } from './support/run-fixture.ts';
import { WorkingCopy } from './support/working-copy.ts';

const handMade = readIndex('index.json');
const real = readIndex('index-real.json');
const areRequired = process.env['CI'] === 'true' || process.env['BABUZA_REQUIRE_FIXTURES'] === '1';

const passed = { handMade: 0, real: 0, reproduced: 0 };

async function run(fixture: Fixture): Promise<void> {
  const archive = readArchive(`${fixtureFolder}/${fixture.archive}`);
  const files = filesOfFolder(archive, `${fixture.name}/wal`);
  for (const [name, size] of Object.entries(fixture.files ?? {})) {
    expect(archive.get(`${fixture.name}/${name}`)?.length, name).toBe(size);
  }
  if (fixture.spec !== undefined || fixture.forge !== undefined) await reproduce(fixture, files);
  const copy = new WorkingCopy(files);
  try {
    for (const { expected } of [fixture, ...(fixture.at ?? [])]) {
      const lines = readLines<ExpectedLine>(expectedFile(expected));
      await compare(fixture, copy, files, new Expectation(lines));
    }
    copy.reset();
    await compareSnapshotFiles(fixture, copy, filesOfFolder(archive, `${fixture.name}/snap`));
  } finally {
    copy.remove();
  }
}

if (handMade === undefined && real === undefined) {
  it('etcd’s WAL fixtures', () => {
    console.error(`\n*** not run: etcd's WAL fixtures: there are none in ${fixtureFolder}\n`);
    expect(areRequired, 'the fixtures are required, and missing').toBe(false);
  });
} else {
  describe('written by etcd’s own code, or made by hand', () => {
    for (const fixture of handMade ?? []) {
      it(`${fixture.name}: ${fixture.about}`, async () => {
        await run(fixture);
        passed.handMade += 1;
        if (fixture.spec !== undefined) passed.reproduced += 1;
      });
    }
  });

  describe('written by real servers', () => {
    for (const fixture of real ?? []) {
      it(`${fixture.name}: ${fixture.about}`, async () => {
        await run(fixture);
        passed.real += 1;
      });
    }
  });

  afterAll(() => {
    const { handMade, real, reproduced } = passed;
    console.log(
      `etcd WAL fixtures: ${handMade} hand-made, ${real} real, ${reproduced} with a spec reproduced byte for byte`,
    );
  });
}
