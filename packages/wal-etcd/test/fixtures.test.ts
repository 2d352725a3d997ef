/**
 * Compares this package with the output of etcd's own code on the real disk: the same calls must
 * write the same bytes, and the same files, damaged ones too, must give the same answers.
 * `BABUZA_ETCD_WAL_FIXTURES` names another folder of the same form. Missing fixtures are reported,
 * and fail the test if `CI` or `BABUZA_REQUIRE_FIXTURES` is set. `fixtures-real.test.ts` has the
 * logs of real servers.
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
