/** A short slice of the live fuzz: a cluster with a hostile member. */
import { expect, it } from 'vitest';
import { live } from '../src/targets/live.ts';

it('a cluster goes on after a member has sent it messages of every type', async () => {
  const [decoder] = live.decoders;
  const outcome = await decoder?.run(Uint8Array.of(0, 0, 0, 1));
  expect(outcome).toEqual({ kind: 'value', value: 'the cluster goes on' });
});
