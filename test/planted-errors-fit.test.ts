/** The planted errors still fit the sources and the tests that they name. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { mutants as clusterMutants } from '../packages/builder/test/mutants/list.ts';
import { simulationMutants } from '../packages/raft-core/test/mutants/simulation-list.ts';
import { mutants as coreMutants } from '../packages/raft-core/test/mutants/list.ts';
import { allMutants } from './mutants/lists/index.ts';
import { pathOfTest } from './mutants/mutant.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = `${root}/packages`;

it('finds the text of each planted error exactly once in its file', () => {
  const inCore = [...coreMutants, ...simulationMutants].map(({ name, file, find }) => ({
    name,
    find,
    file: `raft-core/src/${file}`,
  }));
  // The planted errors of the clusters and of the core have their own runs, which not every run of
  // all tests includes.
  const unfit = [...allMutants, ...clusterMutants, ...inCore].filter(({ file, find }) => {
    const source = readFileSync(`${packages}/${file}`, 'utf8');
    return source.split(find).length !== 2;
  });
  expect(unfit.map(({ name, file }) => `${file}: ${name}`)).toEqual([]);
});

it('finds the test file that each planted error names', () => {
  const files = new Set(allMutants.map(({ caughtBy: [file] }) => file));
  expect([...files].filter((file) => !existsSync(`${root}/${pathOfTest(file)}`))).toEqual([]);
});

it('has no planted error twice, by its name or by its change', () => {
  const names = allMutants.map(({ name }) => name);
  const changes = allMutants.map(({ file, find, replace }) =>
    JSON.stringify([file, find, replace]),
  );
  const twice = allMutants.filter(
    ({ name }, at) => names.indexOf(name) !== at || changes.indexOf(changes[at] ?? '') !== at,
  );
  expect(twice).toEqual([]);
});
