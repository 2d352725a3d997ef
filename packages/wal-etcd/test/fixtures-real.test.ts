/**
 * Logs of real etcd servers and clusters, stopped, killed, purged and restored: this package gives
 * the same answers as etcd's own code.
 */
import { afterAll, describe, it } from 'vitest';
import { checkFixture, tellMissing } from './support/check-fixture.ts';
import { readIndex } from './support/fixture-set.ts';

const real = readIndex('index-real.json');
let passed = 0;

if (real === undefined) it('etcd’s WAL fixtures', tellMissing);
else {
  describe('written by real servers', () => {
    for (const fixture of real) {
      it(`${fixture.name}: ${fixture.about}`, async () => {
        await checkFixture(fixture);
        passed += 1;
      });
    }
  });

  afterAll(() => {
    console.log(`etcd WAL fixtures: ${passed} of real servers`);
  });
}
