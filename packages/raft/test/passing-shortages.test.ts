/**
 * A system that is short of something for a moment, while a node reads a snapshot: the node waits,
 * and resumes where it was.
 */
import { SimulatedClock } from '@babuza/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PassingShortages } from '../src/support/passing-shortages.ts';
import type { OpenSnapshot, SnapshotManager } from '../src/ports/index.ts';
import { bytesOf, textOf, World, type MapSnapshots, type Member } from './support.ts';

const short = (code = 'SNAPSHOT_TRY_AGAIN'): Error =>
  Object.assign(new Error('no descriptor'), { code });

/**
 * Throws at the places that a test names, as often as it says. A member opens a snapshot that it
 * receives once to check its identity, and a second time to restore it.
 */
class Faults {
  /** How often each place fails; `Infinity`: for ever. */
  readonly left = new Map<string, number>();
  readonly hits: string[] = [];
  /** How many snapshots were opened. */
  opened = 0;

  hit(place: string): void {
    const left = this.left.get(place) ?? 0;
    if (left <= 0) return;
    this.left.set(place, left - 1);
    this.hits.push(place);
    throw short();
  }

  /** The places: `open 2`; `2 state`, the second one's file; `2 state 3`, the third chunk of it. */
  in(snapshots: MapSnapshots): void {
    const read = snapshots.read.bind(snapshots);
    snapshots.read = async (at): ReturnType<SnapshotManager['read']> => {
      this.hit(`open ${this.opened + 1}`);
      this.opened += 1;
      const { opened } = this;
      const hit = (place: string): void => this.hit(`${opened} ${place}`);
      const open = await read(at);
      return {
        ...open,
        async *readFile(name) {
          hit(name);
          let number = 0;
          for await (const chunk of open.readFile(name)) {
            number += 1;
            hit(`${name} ${number}`);
            yield chunk;
          }
        },
      };
    };
  }
}

describe('work that waits for a shortage to pass', () => {
  let clock: SimulatedClock;
  let shortages: PassingShortages;
  let warnings: number;
  let ending: AbortController;

  beforeEach(() => {
    clock = new SimulatedClock();
    warnings = 0;
    ending = new AbortController();
    const logger = { warn: () => void (warnings += 1) } as never;
    shortages = new PassingShortages({ clock, logger });
  });

  /** Notes the error that the work rejects with. */
  function endOf(work: Promise<unknown>): { text: string } {
    const noted = { text: '' };
    work.catch((error: unknown) => {
      noted.text = error instanceof Error ? error.message : String(error);
    });
    return noted;
  }

  it('is done again after pauses that double from 100 ms to 5 s, with one line for all of them', async () => {
    const calledMs: number[] = [];
    const work = shortages.outlast('a test', ending.signal, async () => {
      calledMs.push(clock.monotonicMs());
      if (calledMs.length < 10) throw short();
      return 'done';
    });
    const startedMs = clock.monotonicMs();
    await clock.advance(60_000);
    expect(await work).toBe('done');
    expect(calledMs.map((ms) => ms - startedMs)).toEqual([
      0, 100, 300, 700, 1500, 3100, 6300, 11_300, 16_300, 21_300,
    ]);
    expect([warnings, clock.pendingCount]).toEqual([1, 0]);
  });

  it.each(['SNAPSHOT_CORRUPT', 'SNAPSHOT_READ_FAILED', 'EMFILE'])(
    'is not done again where it fails with %s',
    async (code) => {
      let calls = 0;
      const end = endOf(
        shortages.outlast('a test', ending.signal, async () => {
          calls += 1;
          throw short(code);
        }),
      );
      await clock.advance(1000);
      expect([end.text, calls, clock.pendingCount]).toEqual(['no descriptor', 1, 0]);
    },
  );

  it('ends with its signal within a pause, and leaves no timer', async () => {
    const end = endOf(shortages.outlast('a test', ending.signal, () => Promise.reject(short())));
    await clock.advance(1000);
    ending.abort(new Error('enough'));
    await clock.advance(0);
    expect([end.text, clock.pendingCount]).toEqual(['enough', 0]);
  });

  it('does not begin after its signal', async () => {
    ending.abort(new Error('enough'));
    let calls = 0;
    const work = shortages.outlast('a test', ending.signal, async () => void (calls += 1));
    await expect(work).rejects.toThrow('enough');
    expect(calls).toBe(0);
  });

  it('reads each byte once, whatever the chunks of the attempts are, and begins with a short pause after each chunk', async () => {
    const text = 'abcdefghijklmnopqrstuvwxyz';
    const attempts = [
      { size: 5, chunks: 2 },
      { size: 1, chunks: 0 },
      { size: 7, chunks: 1 },
      { size: 26, chunks: 1 },
      { size: 3, chunks: 9 },
    ];
    let attempt = -1;
    const open: Partial<OpenSnapshot> = {
      async *readFile() {
        attempt += 1;
        const { size, chunks } = attempts[attempt] ?? { size: 4, chunks: 0 };
        for (let at = 0; at < chunks; at += 1)
          yield bytesOf(text.slice(at * size, at * size + size));
        if (attempt < 3) throw short();
      },
    };
    const steady = shortages.steady(open as OpenSnapshot, 'a test', ending.signal);
    const chunks: string[] = [];
    const reading = (async () => {
      for await (const chunk of steady.readFile('state')) chunks.push(textOf(chunk));
    })();
    await clock.advance(100);
    expect(attempt).toBe(1);
    await clock.advance(199);
    expect(attempt).toBe(1);
    await clock.advance(1);
    expect(attempt).toBe(2);
    await clock.advance(400);
    await reading;
    expect(chunks).toEqual(['abcde', 'fghij', 'klmnopqrstuvwxyz']);
  });

  it('begins with a short pause again after a byte that was read', async () => {
    let attempts = 0;
    const open: Partial<OpenSnapshot> = {
      async *readFile() {
        attempts += 1;
        if (attempts >= 3) yield bytesOf('a');
        if (attempts <= 3) throw short();
        yield bytesOf('b');
      },
    };
    const steady = shortages.steady(open as OpenSnapshot, 'a test', ending.signal);
    const chunks: string[] = [];
    const reading = (async () => {
      for await (const chunk of steady.readFile('state')) chunks.push(textOf(chunk));
    })();
    await clock.advance(100);
    await clock.advance(200);
    expect([attempts, chunks]).toEqual([3, ['a']]);
    await clock.advance(100);
    await reading;
    expect([attempts, chunks]).toEqual([4, ['a', 'b']]);
  });
});

describe('a node', () => {
  let world: World;
  let faults: Faults;

  beforeEach(() => {
    world = new World({ snapshotEntries: 20, compactionMargin: 5 });
    faults = new Faults();
  });
  afterEach(() => world.close());

  /**
   * A member that was partitioned, and that receives a snapshot with the next message of the
   * leader.
   */
  async function memberBehind(): Promise<Member> {
    await world.startAll(3);
    const { raft } = await world.leader();
    const member = await world.follower();
    faults.in(member.snapshots);
    world.wire.cut.add(member.raft.nodeId);
    for (let at = 0; at < 100; at += 1) await world.until(raft.propose(bytesOf(`t${at}`)));
    await world.until(raft.manualSnapshot());
    return member;
  }

  const caughtUp = (member: Member): boolean => member.machine.texts.at(-1) === 't99';

  it.each([
    ['opened to look whose it is', 'open 1'],
    ['read to look whose it is', '1 node.json 2'],
    ['opened', 'open 2'],
    ['read in its own part', '2 node.json'],
    ['read in the middle of its own part', '2 node.json 3'],
    ['read in the state', '2 state'],
    ['read in the middle of the state', '2 state 9'],
  ])('takes a snapshot over that could not be %s for a while', async (_, place) => {
    const member = await memberBehind();
    faults.left.set(place, 4);
    let restored = 0;
    const restore = member.machine.restoreSnapshot.bind(member.machine);
    member.machine.restoreSnapshot = async (reader) => {
      restored += 1;
      await restore(reader);
    };
    world.wire.cut.clear();
    await world.pass(5000);
    expect(faults.hits.filter((hit) => hit === place)).toHaveLength(4);
    expect([caughtUp(member), restored]).toEqual([true, 1]);
    expect(member.raft.readiness()).toMatchObject({ ready: true });
    expect(member.machine.texts).toEqual((await world.leader()).machine.texts);
  });

  it.each(['open 1', '1 node.json', 'open 2', '2 node.json', '2 state 2'])(
    'ends at once while a snapshot that it gets cannot be read: %s',
    async (place) => {
      const member = await memberBehind();
      faults.left.set(place, Infinity);
      world.wire.cut.clear();
      await world.pass(3000);
      expect(faults.hits.length).toBeGreaterThan(3);
      const startedMs = world.clock.monotonicMs();
      await world.until(member.raft.shutdown());
      expect(world.clock.monotonicMs() - startedMs).toBeLessThan(100);
      await expect(member.raft.whenStopped()).resolves.toBeUndefined();
      expect(world.logged('error', 'the node has stopped')).toEqual([]);
    },
  );

  it('keeps a snapshot that it received and cannot look at, so that it is not sent again', async () => {
    const member = await memberBehind();
    let received = 0;
    const receive = member.snapshots.receive.bind(member.snapshots);
    member.snapshots.receive = async (...given) => {
      received += 1;
      return receive(...given);
    };
    const removed: unknown[] = [];
    member.snapshots.remove = async (...at: unknown[]) => void removed.push(at);
    faults.left.set('1 node.json', 3);
    world.wire.cut.clear();
    await world.pass(5000);
    expect([caughtUp(member), received]).toEqual([true, 1]);
    expect(removed).toEqual([]);
  });

  it('exports its state over a shortage, and ends that with the signal of the caller or its own end', async () => {
    await world.startAll(1);
    const member = await world.leader();
    faults.in(member.snapshots);
    for (let at = 0; at < 30; at += 1) await world.until(member.raft.propose(bytesOf(`t${at}`)));
    const exported = async (signal?: AbortSignal): Promise<string> => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of member.raft.exportSnapshot({ signal })) chunks.push(chunk);
      return textOf(Buffer.concat(chunks));
    };
    const expected = await world.until(exported());
    for (const place of ['open 2', '2 state', '2 state 4']) faults.left.set(place, 2);
    expect(await world.until(exported())).toBe(expected);
    for (const place of ['3 state 2', '4 state 2']) faults.left.set(place, Infinity);
    const ending = new AbortController();
    const aborted = exported(ending.signal);
    const unfinished = exported();
    const ends = Promise.allSettled([aborted, unfinished]);
    await world.pass(1000);
    ending.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await world.until(member.raft.shutdown());
    expect(await ends).toMatchObject([
      { reason: { message: 'enough' } },
      { reason: { code: 'RAFT_STOPPED' } },
    ]);
  });
});
