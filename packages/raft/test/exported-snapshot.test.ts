/** Streams that are not exported snapshots: no cluster begins with one. */
import { MemoryStore } from '@babuza/wal-memory';
import { describe, expect, it } from 'vitest';
import { bytesOf, MapSnapshots, World } from './support.ts';

const peers = [{ id: 1n, address: 'address-1' }];

async function exported(): Promise<Buffer> {
  const world = new World();
  const { raft } = await world.start(1n, peers);
  await world.until(raft.waitForLeader());
  await world.until(raft.propose(bytesOf('one')));
  const chunks: Uint8Array[] = [];
  const read = async (): Promise<void> => {
    for await (const chunk of raft.exportSnapshot()) chunks.push(chunk);
  };
  await world.until(read());
  await world.close();
  return Buffer.concat(chunks);
}

/** Values that a type checker would reject. */
function untyped(...chunks: unknown[]) {
  async function* stream(): AsyncGenerator {
    yield* chunks;
  }
  return Reflect.get(Object({ stream: stream() }), 'stream');
}

describe('a stream', () => {
  it('of one snapshot behind another, or with more behind its end, is refused', async () => {
    const one = await exported();
    for (const more of [one, one.subarray(0, 20), bytesOf('x')]) {
      const world = new World();
      const starting = world.start(1n, peers, undefined, { snapshot: untyped(one, more) });
      await expect(starting).rejects.toMatchObject({
        code: 'RAFT_STATE_UNREADABLE',
        message: expect.stringContaining('follow its end'),
      });
    }
  });

  it('from which one frame is missing is refused: each frame by itself is whole', async () => {
    const one = await exported();
    const frames: Buffer[] = [];
    for (let at = 0; at < one.length; at += frames.at(-1)?.length ?? 0) {
      frames.push(one.subarray(at, at + 13 + one.readUInt32BE(at + 1)));
    }
    // A missing end frame has a test of its own.
    for (const missing of frames.keys()) {
      if (missing === frames.length - 1) continue;
      const rest = frames.filter((_, at) => at !== missing);
      const starting = new World().start(1n, peers, undefined, { snapshot: untyped(...rest) });
      await expect(starting).rejects.toMatchObject({ code: 'RAFT_STATE_UNREADABLE' });
    }
  });

  it('of anything but bytes is refused, and says so', async () => {
    const one = await exported();
    const disk = { store: new MemoryStore(), snapshots: new MapSnapshots() };
    const world = new World();
    for (const chunk of [one.toString('latin1'), 5, null, [1, 2]]) {
      const starting = world.start(1n, peers, disk, { snapshot: untyped(chunk) });
      await expect(starting).rejects.toMatchObject({
        code: 'RAFT_STATE_UNREADABLE',
        message: expect.stringContaining('bytes'),
      });
    }
    const { raft, machine } = await world.start(1n, peers, disk, { snapshot: untyped(one) });
    await world.until(raft.waitForLeader());
    expect(machine.texts).toEqual(['one']);
    await world.close();
  });

  it('that is not a stream is refused as an invalid argument', async () => {
    const one = await exported();
    for (const snapshot of [null, 5, one]) {
      const given = JSON.parse('{}');
      given.snapshot = snapshot;
      const starting = new World().start(1n, peers, undefined, given);
      await expect(starting).rejects.toMatchObject({
        code: 'RAFT_CONFIG',
        message: expect.stringContaining('snapshot must be'),
      });
    }
  });
});
