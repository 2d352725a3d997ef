/**
 * What etcd's own code wrote, and what it said of damaged logs, against ours on the real disk: the
 * same bytes from the same calls, the same answers to the same files. `BABUZA_ETCD_WAL_FIXTURES`
 * names another folder of the same form; without any, this says so, and fails where `CI` or
 * `BABUZA_REQUIRE_FIXTURES` wants it. What real servers wrote is in `fixtures-real.test.ts`.
 */
import { afterAll, describe, it } from 'vitest';
import { checkFixture, tellMissing } from './support/check-fixture.ts';
import { readIndex } from './support/fixture-set.ts';

const handMade = readIndex('index.json');
const passed = { all: 0, reproduced: 0 };

if (handMade === undefined) it('etcd’s WAL fixtures', tellMissing);
else {
  describe('written by etcd’s own code, or made by hand', () => {
    for (const fixture of handMade) {
      it(`${fixture.name}: ${fixture.about}`, async () => {
        await checkFixture(fixture);
        passed.all += 1;
        if (fixture.spec !== undefined) passed.reproduced += 1;
      });
    }
  });

  afterAll(() => {
    const { all, reproduced } = passed;
    console.log(
      `etcd WAL fixtures: ${all} hand-made, ${reproduced} with a spec reproduced byte for byte`,
    );
  });
}
