/** Which marker a replay starts from. */
import { chosenSnapshot } from '@babuza/wal-core/backend';
import { describe, expect, it } from 'vitest';
import { marker } from './samples.ts';

describe('the snapshot that a replay starts from', () => {
  const valid = [marker(4, 1), marker(9, 2)];

  it('is the newest valid one, or the wanted one', () => {
    expect(chosenSnapshot('/log', valid, undefined)).toEqual(marker(9, 2));
    expect(chosenSnapshot('/log', valid, { index: 4, term: 1 })).toEqual(marker(4, 1));
    expect(chosenSnapshot('/log', [], undefined)).toBeUndefined();
  });

  it('is never one of another term, or of another index, than the wanted one', () => {
    for (const wanted of [
      { index: 4, term: 2 },
      { index: 5, term: 1 },
    ]) {
      expect(() => chosenSnapshot('/log', valid, wanted)).toThrow(
        /no marker of a snapshot .* its valid markers are: index 4 of term 1, index 9 of term 2/,
      );
    }
  });
});
