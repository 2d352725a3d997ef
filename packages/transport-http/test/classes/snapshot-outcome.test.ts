/** The answer of the receiver of a snapshot: progress lines and the outcome. */
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { inspect } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { outcomeLine, outcomeOf } from '../../src/snapshots/snapshot-outcome.ts';
import { FakeMember, stallTimeoutMs } from './fakes.ts';

let member: FakeMember;
beforeEach(() => {
  member = new FakeMember();
});

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await member.clock.advance(0);
};

describe('the outcome that a receiver sends', () => {
  const target = { id: 2n, address: 'two.example:2' };
  const ask = (response: IncomingMessage) =>
    outcomeOf(response, member.wire, target).catch((error: unknown) => error);

  it('is found behind lines that say that it works, however they are cut', async () => {
    const text = `{}\n{}\n${outcomeLine({ taken: false, reason: 'r', message: 'm' })}{}\n`;
    for (const step of [1, 2, 3, 7, text.length]) {
      const response = new IncomingMessage(new Socket());
      const answer = ask(response);
      for (let at = 0; at < text.length; at += step) {
        response.push(text.slice(at, at + step));
        await turns(1);
      }
      expect(await answer).toEqual({ taken: false, reason: 'r', message: 'm' });
    }
    expect(member.clock.pendingCount).toBe(0);
  });

  it('is not waited for when nothing comes for the stall timeout', async () => {
    const response = new IncomingMessage(new Socket());
    const answer = ask(response);
    for (let line = 0; line < 5; line += 1) {
      await member.clock.advance(stallTimeoutMs - 1);
      response.push('{}\n');
      await turns(2);
    }
    expect(response.destroyed).toBe(false);
    await member.clock.advance(stallTimeoutMs);
    expect(await answer).toMatchObject({ code: 'TRANSPORT_BROKEN' });
    expect(member.clock.pendingCount).toBe(0);
  });

  it.each([
    [16 * 1024, 'ended early'],
    [16 * 1024 + 1, 'too long'],
  ])('is held up to 16 KiB of a line: %i bytes', async (bytes, why) => {
    const response = new IncomingMessage(new Socket());
    const answer = ask(response);
    response.push('x'.repeat(bytes));
    response.push(null);
    expect(String(await answer)).toContain(why);
  });

  it('that is not of this protocol is no word', async () => {
    const response = new IncomingMessage(new Socket());
    const answer = ask(response);
    response.push('<html>\n');
    expect(await answer).toMatchObject({ code: 'TRANSPORT_BROKEN' });
  });

  it('that is no JSON does not get into the error as it is', async () => {
    const response = new IncomingMessage(new Socket());
    const answer = ask(response);
    response.push('\u001b[2J\u009b\n');
    const error = await answer;
    expect(error).toMatchObject({ code: 'TRANSPORT_BROKEN', cause: expect.any(Error) });
    expect(inspect(error)).not.toMatch(/\p{Cc}(?<!\n)/u);
  });
});
