/**
 * Compares this package with one fixture of etcd: the same calls must write the same bytes, and the
 * same files must give the same answers.
 */
import { expect } from 'vitest';
import { filesOfFolder, readArchive } from './archive.ts';
import { Expectation, type ExpectedLine } from './expected.ts';
import { expectedFile, fixtureFolder, readLines, type Fixture } from './fixture-set.ts';
import { compare, compareSnapshotFiles, reproduce } from './run-fixture.ts';
import { WorkingCopy } from './working-copy.ts';

export async function checkFixture(fixture: Fixture): Promise<void> {
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

/** Whether missing fixtures are a failure. */
const areRequired: boolean =
  process.env['CI'] === 'true' || process.env['BABUZA_REQUIRE_FIXTURES'] === '1';

/** Prints that the fixtures are missing. */
export function tellMissing(): void {
  console.error(`\n*** not run: etcd's WAL fixtures: there are none in ${fixtureFolder}\n`);
  expect(areRequired, 'the fixtures are required, and missing').toBe(false);
}
