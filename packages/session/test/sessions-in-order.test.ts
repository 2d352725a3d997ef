/** The order of the last use compared with an array, and a single session. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Session } from '../src/session.ts';
import { SessionsInOrder } from '../src/sessions-in-order.ts';
import { bytesOf } from './support.ts';

const step = fc.record({ call: fc.constantFrom('add', 'add', 'use', 'delete'), at: fc.nat(9) });

/** The ids in order. The result is cut off if the list has a cycle. */
function idsOf(sessions: SessionsInOrder, countMax: number): number[] {
  const ids: number[] = [];
  for (const { id } of sessions) if (ids.push(id) > countMax) break;
  return ids;
}

describe('sessions in the order of their last use', () => {
  it('equal an array in which each used session moves to the end', () => {
    const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const sessions = new SessionsInOrder();
      const model: Session[] = [];
      for (const [index, { call, at }] of steps.entries()) {
        const chosen = model[at % Math.max(1, model.length)];
        if (call === 'add') {
          model.push(new Session(index + 1, 0));
          sessions.add(new Session(index + 1, 0));
        } else if (chosen !== undefined) {
          model.splice(model.indexOf(chosen), 1);
          if (call === 'use') model.push(chosen);
          if (call === 'use') sessions.use(chosen);
          else expect(sessions.delete(chosen.id)?.id).toBe(chosen.id);
          expect(sessions.has(chosen.id)).toBe(call === 'use');
        }
        const ids = model.map(({ id }) => id);
        expect(idsOf(sessions, ids.length)).toEqual(ids);
        expect(sessions.size).toBe(ids.length);
        expect(sessions.oldest?.id).toBe(ids[0]);
        for (const id of ids) expect(sessions.get(id)?.id).toBe(id);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('do not change when an unknown session is used or removed', () => {
    const sessions = new SessionsInOrder();
    for (const id of [1, 2, 3]) sessions.add(new Session(id, 0));
    sessions.use(new Session(9, 0));
    expect(sessions.delete(9)).toBeUndefined();
    expect(idsOf(sessions, 3)).toEqual([1, 2, 3]);
  });
});

describe('a session', () => {
  const kept = { result: bytesOf('kept'), lost: false };

  it('accepts a result only for a new sequence without one', () => {
    const session = new Session(1, 0);
    expect(session.record(1, kept)).toBe(false);
    session.judge(1, 8);
    expect([session.record(1, kept), session.record(1, kept)]).toEqual([true, false]);
  });

  it('keeps only results from its lowest unanswered sequence on', () => {
    for (const lowest of [2, 3, 4, 6, 7]) {
      const session = new Session(1, 0);
      const sequences = [6, 1, 3, 2];
      for (const sequence of sequences) {
        session.judge(sequence, 8);
        session.record(sequence, kept);
      }
      session.raiseLowest(lowest);
      session.raiseLowest(lowest - 1);
      expect(session.lowest).toBe(lowest);
      const left = sequences.filter((sequence) => sequence >= lowest).sort((a, b) => a - b);
      expect(session.results()?.map(([sequence]) => sequence)).toEqual(left);
      expect(session.size).toBe(left.length);
    }
  });
});
