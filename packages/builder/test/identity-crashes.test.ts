/**
 * Crashes of the process or the machine at each durable step of a start. The next start with the
 * same options must reach the result of the first, with all acknowledged entries and without an
 * operator.
 */
import type { SimulatedDisk } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { peersOf, Site, type Process, type ProcessOptions } from './operators/site.ts';

const alone = { peers: peersOf(1n) };
const crashes = ['kill', 'power cut'] as const;
type Crash = (typeof crashes)[number];

interface Situation {
  /** Prepares the state before the start. */
  readonly prepare: (site: Site) => Promise<void>;
  /** Created for each start, because a backup is a stream. */
  readonly start: () => ProcessOptions;
  readonly expected: readonly string[];
}

async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A single node with two texts in a snapshot and one in the log behind it. */
async function withSnapshot(site: Site): Promise<Process> {
  const node = await site.start(1n, alone);
  await site.leader();
  await site.propose(node, 'a', 'b');
  await site.until(node.raft.manualSnapshot());
  await site.propose(node, 'c');
  return node;
}

async function exported(): Promise<Uint8Array> {
  const site = new Site(99);
  const node = await withSnapshot(site);
  const chunks: Uint8Array[] = [];
  const reading = (async () => {
    for await (const chunk of node.raft.exportSnapshot()) chunks.push(chunk);
  })();
  await site.until(reading);
  await site.close();
  return Buffer.concat(chunks);
}

const nothing = async (): Promise<void> => undefined;

async function withoutLog(site: Site): Promise<void> {
  await site.stop(await withSnapshot(site));
  site.wipe('1', '/data/wal');
}

async function ofThree(site: Site): Promise<void> {
  const nodes = await site.startAll([1n, 2n, 3n]);
  await site.propose(await site.leader(), 'a', 'b');
  await site.pass(1000);
  await site.stop(...nodes);
}

const situations: Record<string, () => Promise<Situation>> = {
  'the first start of a cluster': async () => ({
    prepare: nothing,
    start: () => alone,
    expected: [],
  }),
  'the first start of a restored cluster': async () => {
    const backup = await exported();
    const start = () => ({ ...alone, options: { snapshot: streamOf(backup) } });
    return { prepare: nothing, start, expected: ['a', 'b', 'c'] };
  },
  'another start': async () => ({
    prepare: async (site) => site.stop(await withSnapshot(site)),
    start: () => alone,
    expected: ['a', 'b', 'c'],
  }),
  'a recovery without a log': async () => ({
    prepare: withoutLog,
    start: () => ({ alone: { adoptSnapshots: true } }),
    expected: ['a', 'b'],
  }),
  'a start that discards the snapshots of a lost log': async () => ({
    prepare: withoutLog,
    start: () => ({ ...alone, options: { discardSnapshots: true } }),
    expected: [],
  }),
  'the recovery of a survivor': async () => ({
    prepare: ofThree,
    start: () => ({ alone: {} }),
    expected: ['a', 'b'],
  }),
};

/** A site with the disk of the first member as prepared. */
class Prepared {
  readonly #site = new Site(1);
  readonly #situation: Situation;

  private constructor(situation: Situation) {
    this.#situation = situation;
  }

  static async of(situation: Situation): Promise<Prepared> {
    const prepared = new Prepared(situation);
    await situation.prepare(prepared.#site);
    return prepared;
  }

  /**
   * The disk after a crash at this disk operation of a start; `undefined` if the start has fewer.
   */
  async crashed(stopAt: number, crash: Crash): Promise<SimulatedDisk | undefined> {
    this.#site.copyDisk('1', 'copy');
    const disk = this.#site.disk('copy');
    disk.stopAtMutation(disk.mutationCount + stopAt);
    const site = new Site(1000 + stopAt);
    site.putDisk('1', disk);
    const running = started(site, this.#situation, 'x').then(() => 'ended');
    const ending = await Promise.race([running, disk.whenStopped.then(() => 'stopped')]);
    if (ending === 'ended') return undefined;
    return crash === 'kill' ? disk.kill(stopAt) : disk.crash(stopAt);
  }
}

/** Starts the node, proposes a text and stops it. Returns the texts that were there before. */
async function started(site: Site, { start }: Situation, text: string): Promise<string[]> {
  const node = await site.start(1n, start());
  await site.leader([node]);
  await site.propose(node, text);
  await site.close();
  return node.machine.texts.slice(0, -1);
}

describe.each(Object.entries(situations))('%s', (_, makeSituation) => {
  it.each(crashes)('comes to its end after a %s at each step', async (crash) => {
    const situation = await makeSituation();
    const prepared = await Prepared.of(situation);
    const wrong: string[] = [];
    let stopAt = 1;
    for (; ; stopAt += 1) {
      const disk = await prepared.crashed(stopAt, crash);
      if (disk === undefined) break;
      const site = new Site(2000 + stopAt);
      site.putDisk('1', disk);
      const found = await started(site, situation, 'y').catch((error: unknown) => [String(error)]);
      // The text of the first start may not have been acknowledged.
      const acknowledged = found.filter((text) => text !== 'x').join();
      if (acknowledged !== situation.expected.join()) wrong.push(`${stopAt}: ${acknowledged}`);
    }
    expect(wrong).toEqual([]);
    expect(stopAt).toBeGreaterThan(20);
  });
});
