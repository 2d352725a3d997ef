/** The operations of a membership change as tests write them: `v1 l2 r3 u4`. */

import { ConfChangeType, type ConfChangeSingle } from '@babuza/raftpb';
import { quote } from '../../src/describe/index.ts';
import { DirectiveError } from './directive-error.ts';

const types: ReadonlyMap<string, ConfChangeType> = new Map([
  ['v', ConfChangeType.AddNode],
  ['l', ConfChangeType.AddLearnerNode],
  ['r', ConfChangeType.RemoveNode],
  ['u', ConfChangeType.UpdateNode],
]);

export function parseOperations(input: string): ConfChangeSingle[] {
  const text = input.trim();
  if (text === '') return [];
  return text.split(' ').map((token) => {
    if (token.length < 2) throw new DirectiveError(`unknown token ${token}`);
    const type = types.get(token.slice(0, 1));
    if (type === undefined) throw new DirectiveError(`unknown input: ${token}`);
    return { type, nodeId: parseId(token.slice(1)) };
  });
}

/** The error texts are Go's, because they become part of an output. */
function parseId(text: string): bigint {
  const where = `strconv.ParseUint: parsing ${quote(new TextEncoder().encode(text))}`;
  if (!/^\d+$/.test(text)) throw new DirectiveError(`${where}: invalid syntax`);
  const id = BigInt(text);
  if (id >= 2n ** 64n) throw new DirectiveError(`${where}: value out of range`);
  return id;
}
