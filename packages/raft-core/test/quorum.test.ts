/** The arithmetic of majorities: etcd-io/raft `quorum/`. */

import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { jointVote, majorityIndex, majorityVote, VoteResult } from '../src/tracker/quorum.ts';
import { indexByCounting } from './datadriven/quorum-commands.ts';

it('the committed index equals that of an independent algorithm in 50,000 random cases', () => {
  const member = fc.tuple(fc.bigInt({ min: 1n, max: 20n }), fc.nat(20));
  fc.assert(
    fc.property(fc.array(member, { maxLength: 9 }), (members) => {
      const acknowledged = new Map(members);
      const voters = [...acknowledged.keys()];
      const index = majorityIndex(voters.map((id) => acknowledged.get(id) ?? 0));
      if (index !== indexByCounting(voters, acknowledged)) {
        throw new Error(`${index} for ${members.join(' ')}`);
      }
    }),
    { numRuns: 50_000 },
  );
});

it('a vote is won or lost exactly when no missing answer can change it', () => {
  const votes = fc.array(fc.constantFrom(true, false, undefined), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(votes, (answers) => {
      const voters = answers.map((_, at) => BigInt(at + 1));
      const resultWith = (missing: boolean | undefined): VoteResult => {
        const known = new Map<bigint, boolean>();
        for (const [at, id] of voters.entries()) {
          const answer = answers[at] ?? missing;
          if (answer !== undefined) known.set(id, answer);
        }
        return majorityVote(voters, known);
      };
      const best = resultWith(true);
      const worst = resultWith(false);
      expect(resultWith(undefined)).toBe(best === worst ? best : VoteResult.Pending);
      expect(jointVote(voters, [], new Map())).toBe(jointVote([], voters, new Map()));
    }),
  );
});
