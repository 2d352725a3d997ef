/** The stall watch and the progress lines that keep it from firing. */
import { SimulatedClock } from '@babuza/testkit';
import { ServerResponse, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startStallWatch } from '../../src/connections/stall-watch.ts';
import { tellWorking, workingLine } from '../../src/server/tell-working.ts';
import { FakeMember, stallTimeoutMs } from './fakes.ts';

describe('a stall watch', () => {
  it.each([
    [999, 0],
    [1000, 1],
    [1001, 1],
    [10_000, 1],
  ])('of 1,000 ms has fired after %i ms: %i times', async (afterMs, times) => {
    const clock = new SimulatedClock();
    let fired = 0;
    startStallWatch(clock, 1000, () => void (fired += 1));
    await clock.advance(afterMs);
    expect(fired).toBe(times);
  });

  it.each([0, 199, 200, 201, 800, 999])('never fires when it is cancelled at %i ms', async (ms) => {
    const clock = new SimulatedClock();
    let fired = 0;
    const watch = startStallWatch(clock, 1000, () => void (fired += 1));
    await clock.advance(ms);
    watch.cancel();
    expect(clock.pendingCount).toBe(0);
    await clock.advance(5000);
    expect(fired).toBe(0);
  });

  it('counts a pause of the process as one step', async () => {
    let nowMs = 0;
    const timers: (() => void)[] = [];
    const clock = {
      monotonicMs: () => nowMs,
      wallMs: () => nowMs,
      startTimer: (_: number, callback: () => void) => {
        timers.push(callback);
        return { cancel: () => undefined };
      },
      sleep: async () => undefined,
    };
    let fired = 0;
    startStallWatch(clock, 1000, () => void (fired += 1));
    nowMs = 60_000;
    timers.shift()?.();
    expect(fired).toBe(0);
    for (let step = 0; step < 4; step += 1) timers.shift()?.();
    expect([fired, timers.length]).toEqual([1, 0]);
  });
});

describe('the progress lines of a receiver', () => {
  it('is said at its time and five times in a stall timeout, until it is stopped', async () => {
    const { clock, wire } = new FakeMember();
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    const said: unknown[] = [];
    response.write = (chunk: unknown) => {
      said.push(chunk);
      return true;
    };
    const stop = tellWorking(response, wire, 700);
    await clock.advance(699);
    expect(said).toEqual([]);
    await clock.advance(1);
    expect(said).toEqual([workingLine]);
    await clock.advance(stallTimeoutMs);
    expect(said).toHaveLength(6);
    stop();
    expect(clock.pendingCount).toBe(0);
    await clock.advance(stallTimeoutMs);
    expect(said).toHaveLength(6);
  });

  it('is not said while nobody reads it', async () => {
    const { clock, wire } = new FakeMember();
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    let said = 0;
    response.write = () => {
      said += 1;
      return true;
    };
    let isStuck = true;
    Object.defineProperty(response, 'writableNeedDrain', { get: () => isStuck });
    const stop = tellWorking(response, wire, 0);
    await clock.advance(stallTimeoutMs);
    expect(said).toBe(0);
    isStuck = false;
    await clock.advance(stallTimeoutMs);
    expect(said).toBe(5);
    stop();
  });
});
