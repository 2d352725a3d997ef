/** Operations of a change of the membership as tests write them: `v1 l2 r3 u4`. */

import { ConfChangeType, type ConfChangeSingle } from '@babuza/raftpb';
import { asId } from './arguments.ts';
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
    return { type, nodeId: asId(token.slice(1)) };
  });
}
