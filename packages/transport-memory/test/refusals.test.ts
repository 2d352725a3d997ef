/** Two members of which one refuses the other: both are told, whichever sends first. */
import { expect, it } from 'vitest';
import { message, peer, World } from './support.ts';

it.each([
  ['the one that is refused speaks', 1, 2],
  ['the one that refuses speaks', 2, 1],
])('both sides are told of a refusal when %s', async (_, speaker, other) => {
  const world = new World();
  const refusedBy: bigint[] = [];
  const taken: bigint[] = [];
  const receive = ({ from }: { readonly from: bigint }): undefined => void taken.push(from);
  const refused = { receive, refusedBy: (id: bigint) => void refusedBy.push(id) };
  const refusing = { receive, admit: () => 'other-cluster' as const };
  const members = {
    1: await world.member(1, { handler: refused }),
    2: await world.member(2, { handler: refusing }),
  };
  const { transport } = members[speaker as 1 | 2];
  transport.setPeer(peer(other));
  transport.send([message(speaker, other)]);
  await world.pass(100);
  expect(refusedBy).toEqual([2n]);
  expect(taken).toEqual([]);
});
