/**
 * Data, logs and members that do not belong together are detected, and no acknowledged entry is
 * lost.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addressOf, peersOf, Site } from './operators/site.ts';

let site: Site;

beforeEach(() => {
  site = new Site();
});

afterEach(async () => {
  await site.close();
});

const three = [1n, 2n, 3n] as const;

describe('a new cluster', () => {
  it.each([
    ['all at once', [1n, 2n, 3n]],
    ['in another order', [3n, 1n, 2n]],
  ])('has one identity on all members, started %s', async (_, order) => {
    const peers = peersOf(...three);
    const nodes = [];
    for (const id of order) nodes.push(await site.start(id, { peers }));
    const leader = await site.leader();
    await site.propose(leader, 'a');
    await site.pass(1000);
    const identities = nodes.map(({ raft }) => raft.clusterInfo().identity);
    expect(identities[0]).toMatchObject({
      origin: expect.stringMatching(/^[0-9a-f]{32}$/),
      birth: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(identities[1]).toEqual(identities[0]);
    expect(identities[2]).toEqual(identities[0]);
  });

  it('takes in a first member that starts much later', async () => {
    const peers = peersOf(...three);
    const early = [await site.start(1n, { peers }), await site.start(2n, { peers })];
    const leader = await site.leader();
    await site.propose(leader, 'a', 'b');
    await site.pass(60_000);
    const late = await site.start(3n, { peers });
    await site.pass(2000);
    expect(late.machine.texts).toEqual(['a', 'b']);
    expect(late.raft.clusterInfo().identity).toEqual(early[0]?.raft.clusterInfo().identity);
    expect(site.running.flatMap(({ warnings }) => warnings)).toEqual([]);
  });

  it('has another identity than one that was born from the same members', async () => {
    const [one] = await site.startAll([1n]);
    await site.leader();
    await site.pass(500);
    const first = one?.raft.clusterInfo().identity;
    await site.close();
    const [again] = await site.startAll([1n], { disk: 'another' });
    await site.leader();
    await site.pass(500);
    const second = again?.raft.clusterInfo().identity;
    expect(second?.origin).toBe(first?.origin);
    expect(second?.birth).not.toBe(first?.birth);
  });

  it('refuses a member that was started with another token', async () => {
    const peers = peersOf(...three);
    const options = { clusterToken: 'blue' };
    await site.start(1n, { peers, options });
    await site.start(2n, { peers, options });
    const leader = await site.leader();
    const stranger = await site.start(3n, { peers, options: { clusterToken: 'green' } });
    await site.propose(leader, 'a');
    await site.pass(2000);
    expect(stranger.machine.texts).toEqual([]);
    expect(stranger.warnings.join('\n')).toMatch(/origin of its cluster/);
    expect(leader.warnings.join('\n')).toMatch(/member 3/);
    expect(stranger.raft.readiness()).toMatchObject({ ready: false });
  });

  it('keeps its identity when all members restart, at any time after the first proposal', async () => {
    const nodes = await site.startAll([...three]);
    await site.propose(await site.leader(), 'a');
    const identity = (await site.leader()).raft.clusterInfo().identity;
    await site.stop(...nodes);
    const again = await site.startAll([...three]);
    await site.propose(await site.leader(), 'b');
    await site.pass(500);
    for (const { raft, machine } of again) {
      expect(raft.clusterInfo().identity).toEqual(identity);
      expect(machine.texts).toEqual(['a', 'b']);
    }
  });
});

describe('a stray node', () => {
  it('that was started alone and written to is never counted when it is added', async () => {
    const [one] = await site.startAll([1n]);
    await site.propose(await site.leader(), 'a0', 'a1');
    const two = await site.start(2n, { peers: peersOf(2n) });
    await site.leader([two]);
    await site.propose(two, 'c0', 'c1');
    if (one === undefined) throw new Error('it was started');
    const adding = site.attempt((signal) =>
      one.raft.addVotingPeer({ id: 2n, address: addressOf(2n) }, { signal }),
    );
    await adding.catch(() => undefined);
    await site.pass(3000);
    expect(two.machine.texts).toEqual(['c0', 'c1']);
    expect(one.machine.texts).toEqual(['a0', 'a1']);
    expect([...one.warnings, ...two.warnings].length).toBeGreaterThan(0);
    expect(two.raft.readiness()).toMatchObject({ ready: false });
  });

  it('with a longer log is sent no snapshot, and each side says once what is wrong', async () => {
    let stray = await site.start(4n, { peers: peersOf(4n) });
    for (let start = 0; start < 3; start += 1) {
      await site.leader([stray]);
      for (let at = 0; at < 20; at += 1) await site.propose(stray, `wrong${at}`);
      await site.stop(stray);
      stray = await site.start(4n, { peers: peersOf(4n) });
    }
    await site.leader([stray]);
    const nodes = await site.startAll([...three]);
    const leader = await site.leader(nodes);
    await site.propose(leader, 'good');
    const before = leader.warnings.length;
    await site.until(leader.raft.addLearner({ id: 4n, address: addressOf(4n) }));
    await site.pass(6000);
    expect(leader.events.filter(({ type }) => type === 'snapshot-installed')).toEqual([]);
    expect(stray.machine.texts[0]).toBe('wrong0');
    expect(stray.raft.readiness()).toMatchObject({ ready: false });
    const told = leader.warnings.slice(before).filter((line) => line.includes('member 4'));
    expect(new Set(told).size).toBe(told.length);
    expect(told.length).toBeGreaterThan(0);
    expect(leader.raft.readiness()).toMatchObject({ ready: true, concerns: [expect.any(String)] });
  });
});

describe('a member that lost its disk', () => {
  it('is neither counted nor given votes, when all restart', async () => {
    const nodes = await site.startAll([...three]);
    await site.propose(await site.leader(), 'a');
    await site.pass(1000);
    await site.stop(...nodes);
    site.wipe('3');
    const [one, two, wiped] = await site.startAll([...three]);
    if (one === undefined || two === undefined || wiped === undefined) throw new Error('three');
    await site.propose(await site.leader([one, two]), 'b');
    await site.pass(3000);
    expect(wiped.machine.texts).toEqual([]);
    expect(wiped.raft.leader()).toBeUndefined();
    expect(wiped.raft.readiness()).toMatchObject({ ready: false });
    expect(one.warnings.concat(two.warnings).join('\n')).toMatch(/another log than before/);
    // While the other member is down, the wiped member must not complete a quorum.
    await site.stop(two);
    const call = site.attempt((signal) => one.raft.propose(Buffer.from('c'), { signal }), 3000);
    await expect(call).rejects.toThrow();
  });

  it('is told so when it joins: it knows nobody, and the leader finds it', async () => {
    const [, , third] = await site.startAll([1n, 2n, 3n]);
    await site.propose(await site.leader(), 'a');
    await site.pass(1000);
    if (third === undefined) throw new Error('there are three');
    await site.stop(third);
    site.wipe('3');
    const wiped = await site.start(3n);
    await site.pass(10_000);
    const leader = await site.leader();
    const refused = leader.warnings.filter((line) => line.includes('another log than before'));
    expect(refused).toHaveLength(1);
    const told = `member ${leader.id} refuses this member`;
    expect(wiped.warnings.filter((line) => line.includes(told))).toHaveLength(1);
    const reason = expect.stringContaining(told);
    expect(wiped.raft.readiness()).toMatchObject({ ready: false, reason });
    const refusal = { type: 'member-refused', id: leader.id };
    expect(wiped.events).toContainEqual(expect.objectContaining(refusal));
    expect(wiped.machine.texts).toEqual([]);
  });

  it('takes part again under a new id', async () => {
    const nodes = await site.startAll([...three]);
    await site.propose(await site.leader(), 'a');
    await site.pass(1000);
    await site.stop(...nodes);
    site.wipe('3');
    const [one, two] = [
      await site.start(1n, { peers: peersOf(...three) }),
      await site.start(2n, { peers: peersOf(...three) }),
    ];
    const leader = await site.leader([one, two]);
    await site.until(leader.raft.removePeer(3n));
    const added = await site.start(4n, {});
    const adding = leader.raft.addLearner({ id: 4n, address: addressOf(4n) });
    await site.until(adding);
    await site.pass(2000);
    expect(added.machine.texts).toEqual(['a']);
    expect(added.raft.clusterInfo().identity).toEqual(leader.raft.clusterInfo().identity);
  });
});

describe('a disk', () => {
  it('that was put back is recognised by the members that remember later starts', async () => {
    const nodes = await site.startAll([...three]);
    await site.propose(await site.leader(), 'a');
    await site.pass(1000);
    await site.stop(...nodes);
    site.copyDisk('3', 'old 3');
    const again = await site.startAll([...three]);
    await site.propose(await site.leader(), 'b');
    await site.pass(1000);
    await site.stop(...again);
    const [one] = [await site.start(1n), await site.start(2n)];
    await site.leader();
    const restored = await site.start(3n, { disk: 'old 3' });
    await site.pass(3000);
    expect(one?.warnings.join('\n')).toMatch(/put back|copies|a part of its log/);
    expect(restored.raft.leader()).toBeUndefined();
  });

  it('that was put back within one start is recognised by what it had acknowledged', async () => {
    const nodes = await site.startAll([...three]);
    await site.propose(await site.leader(), 'a');
    await site.pass(1000);
    const leader = await site.leader();
    const follower = nodes.find((node) => node !== leader);
    if (follower === undefined) throw new Error('there are three');
    await site.stop(follower);
    site.copyDisk(follower.disk, 'old');
    const again = await site.start(follower.id);
    await site.propose(leader, 'b', 'c', 'd');
    await site.pass(500);
    await site.stop(again);
    // The counts of starts are equal again, so the counter alone detects nothing.
    const elsewhere = await site.start(follower.id, { disk: 'old', address: 'elsewhere' });
    await site.stop(elsewhere);
    await site.start(follower.id, { disk: 'old' });
    await site.pass(3000);
    expect(leader.warnings.join('\n')).toMatch(/lost a part of its log|put back/);
    await site.propose(leader, 'e');
  });

  it('of which two processes run is recognised', async () => {
    const nodes = await site.startAll([...three]);
    const leader = await site.leader();
    await site.propose(leader, 'a');
    await site.pass(1000);
    const follower = nodes.find((node) => node !== leader);
    if (follower === undefined) throw new Error('there are three');
    await site.stop(follower);
    site.copyDisk(follower.disk, 'copy');
    const original = await site.start(follower.id);
    await site.pass(1000);
    await site.stop(original);
    const copy = await site.start(follower.id, { disk: 'copy' });
    await site.pass(2000);
    expect(leader.warnings.join('\n')).toMatch(/copies of its disk|copy/);
    expect(copy.raft.leader()).toBeUndefined();
  });

  it('of another member is refused at the start', async () => {
    const nodes = await site.startAll([...three]);
    await site.propose(await site.leader(), 'a');
    await site.stop(...nodes);
    site.exchangeDisks('1', '2');
    await expect(site.start(1n)).rejects.toMatchObject({ code: 'WAL_METADATA_MISMATCH' });
  });
});

describe('a log and its snapshots', () => {
  it('a new log is not begun beside the snapshots of one that is lost', async () => {
    const [one] = await site.startAll([1n]);
    await site.propose(await site.leader(), 'a', 'b');
    if (one === undefined) throw new Error('it was started');
    await site.until(one.raft.manualSnapshot());
    await site.stop(one);
    site.wipe('1', '/data/wal');
    const start = site.start(1n, { peers: peersOf(1n) });
    await expect(start).rejects.toMatchObject({ code: 'RAFT_LOG_LOST' });
    await expect(site.start(1n)).rejects.toMatchObject({ code: 'RAFT_LOG_LOST' });
  });

  it('the survivor of a lost log goes on from its newest snapshot, where that is asked for', async () => {
    const [one] = await site.startAll([1n]);
    await site.propose(await site.leader(), 'a', 'b');
    if (one === undefined) throw new Error('it was started');
    await site.until(one.raft.manualSnapshot());
    const before = one.raft.clusterInfo().identity;
    await site.propose(one, 'lost');
    await site.stop(one);
    site.wipe('1', '/data/wal');
    const again = await site.start(1n, { alone: { adoptSnapshots: true } });
    await site.leader([again]);
    await site.propose(again, 'c');
    expect(again.machine.texts).toEqual(['a', 'b', 'c']);
    const { identity } = again.raft.clusterInfo();
    expect(identity.previous).toEqual([{ origin: before.origin, birth: before.birth }]);
    expect(identity.birth).not.toBe(before.birth);
    await site.stop(again);
    const third = await site.start(1n, { options: { bootstrap: 'existing' } });
    await site.leader([third]);
    expect(third.machine.texts).toEqual(['a', 'b', 'c']);
    expect(third.raft.clusterInfo().identity).toEqual(identity);
  });

  it('snapshots without a log are discarded where that is asked for', async () => {
    const [one] = await site.startAll([1n]);
    await site.propose(await site.leader(), 'a');
    if (one === undefined) throw new Error('it was started');
    await site.until(one.raft.manualSnapshot());
    await site.stop(one);
    site.wipe('1', '/data/wal');
    const options = { discardSnapshots: true };
    const again = await site.start(1n, { peers: peersOf(1n), options });
    await site.leader([again]);
    expect(again.machine.texts).toEqual([]);
  });

  it('a log is refused beside snapshots of another one, and beside newer ones of its own', async () => {
    const [one] = await site.startAll([1n]);
    await site.propose(await site.leader(), 'a');
    if (one === undefined) throw new Error('it was started');
    await site.stop(one);
    site.copyDisk('1', 'old');
    const again = await site.start(1n);
    await site.leader([again]);
    await site.propose(again, 'b');
    await site.until(again.raft.manualSnapshot());
    await site.stop(again);
    const { surgery } = site.disk('1');
    for (const path of surgery.files()) {
      if (path.startsWith('/data/wal')) surgery.remove(path);
    }
    for (const path of site.disk('old').surgery.files()) {
      if (path.startsWith('/data/wal')) surgery.put(path, site.disk('old').surgery.contents(path));
    }
    await expect(site.start(1n)).rejects.toMatchObject({ code: 'RAFT_LOG_OLDER' });
    // The procedure that the error names if no other member is left.
    const alone = await site.start(1n, { alone: {} });
    await site.leader([alone]);
    await site.propose(alone, 'c');
    expect(alone.machine.texts).toEqual(['a', 'c']);
  });
});

describe('a log that was put back without its snapshots', () => {
  it('is refused also where its node has not started again since the copy was made', async () => {
    const [one] = await site.startAll([1n]);
    if (one === undefined) throw new Error('it was started');
    await site.propose(await site.leader(), 'a');
    site.copyDisk('1', 'old');
    await site.propose(one, 'b');
    await site.stop(one);
    site.wipe('1', '/data/wal');
    const { surgery } = site.disk('old');
    for (const path of surgery.files()) {
      if (path.startsWith('/data/wal/')) site.putFile('1', path, surgery.contents(path));
    }
    await expect(site.start(1n)).rejects.toMatchObject({ code: 'RAFT_LOG_OLDER' });
    // The procedure that the error names.
    const alone = await site.start(1n, { alone: {} });
    await site.leader([alone]);
    await site.propose(alone, 'c');
    expect(alone.machine.texts).toEqual(['a', 'c']);
    await site.stop(alone);
    const again = await site.start(1n);
    await site.leader([again]);
    expect(again.machine.texts).toEqual(['a', 'c']);
  });
});

describe('the intention of a start', () => {
  it('existing: an empty directory does not start', async () => {
    const options = { bootstrap: 'existing' } as const;
    const start = site.start(1n, { peers: peersOf(1n), options });
    await expect(start).rejects.toMatchObject({ code: 'RAFT_NO_LOG' });
    await expect(site.start(1n, { options })).rejects.toMatchObject({ code: 'RAFT_NO_LOG' });
  });

  it.each([
    ['one of the first members', { peers: peersOf(1n) }],
    ['a joiner', {}],
  ])('an option of %s that is misspelt is refused, and nothing begins', async (_, given) => {
    const options = { clusterToken: 'a', boostrap: 'existing' };
    await expect(site.start(1n, { ...given, options })).rejects.toMatchObject({
      code: 'RAFT_CONFIG',
      message: expect.stringContaining('boostrap'),
    });
    expect(site.disk('1').surgery.files()).toEqual([]);
  });

  it('join: with peers, and without a log, the member waits to be added', async () => {
    const node = await site.start(1n, { peers: peersOf(1n), options: { bootstrap: 'join' } });
    await site.pass(5000);
    expect(node.raft.leader()).toBeUndefined();
  });

  it('anything else is refused, by name', async () => {
    const options = { bootstrap: 'auto' } as never;
    const start = site.start(1n, { peers: peersOf(1n), options });
    await expect(start).rejects.toThrow(/bootstrap must be 'new', 'join' or 'existing'/);
  });
});

describe('a restored cluster', () => {
  async function exported(texts: readonly string[]): Promise<Uint8Array> {
    const [node] = await site.startAll([9n]);
    await site.propose(await site.leader(), ...texts);
    const chunks: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of node?.raft.exportSnapshot() ?? []) chunks.push(chunk);
    })();
    await site.until(reading);
    await site.close();
    site.wipe('9');
    return Buffer.concat(chunks);
  }

  async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    yield bytes;
  }

  it('refuses a first member that was given another backup, or none', async () => {
    const backup = await exported(['a', 'b']);
    const other = await exported(['a']);
    const peers = peersOf(...three);
    const good = { snapshot: streamOf(backup) };
    const one = await site.start(1n, { peers, options: good });
    const wrong = await site.start(2n, { peers, options: { snapshot: streamOf(other) } });
    const none = await site.start(3n, { peers });
    await site.pass(5000);
    // Neither of them completes a quorum.
    for (const { raft } of [one, wrong, none]) expect(raft.leader()).toBeUndefined();
    for (const { warnings } of [one, wrong, none]) expect(warnings.length).toBeGreaterThan(0);
    await site.stop(wrong);
    site.wipe('2');
    const right = await site.start(2n, { peers, options: { snapshot: streamOf(backup) } });
    const leader = await site.leader([one, right]);
    await site.propose(leader, 'c');
    await site.pass(1000);
    expect(right.machine.texts).toEqual(['a', 'b', 'c']);
    expect(none.machine.texts).toEqual([]);
    expect(leader.raft.clusterInfo().identity.previous).toHaveLength(1);
  });
});

describe('a recovered survivor', () => {
  it('has a new identity that remembers the old one, and refuses those that come back', async () => {
    const nodes = await site.startAll([...three]);
    await site.propose(await site.leader(), 'a');
    await site.pass(1000);
    const before = (await site.leader()).raft.clusterInfo().identity;
    await site.stop(...nodes);
    const alone = await site.start(1n, { alone: {} });
    await site.leader([alone]);
    await site.propose(alone, 'b');
    const after = alone.raft.clusterInfo().identity;
    expect(after.previous).toEqual([{ origin: before.origin, birth: before.birth }]);
    const [two, back] = [await site.start(2n), await site.start(3n)];
    await site.leader([two, back]);
    await site.pass(3000);
    expect(alone.machine.texts).toEqual(['a', 'b']);
    expect(two.machine.texts).toEqual(['a']);
    expect([...two.warnings, ...back.warnings].join('\n')).toMatch(/member 1/);
    await site.stop(alone);
    const again = await site.start(1n);
    await site.leader([again]);
    expect(again.raft.clusterInfo().identity).toEqual(after);
  });

  it.each([
    ['at once', 0],
    ['later', 10_000],
  ])('takes in new members, added %s', async (_, pauseMs) => {
    const nodes = await site.startAll([...three]);
    await site.propose(await site.leader(), 'a');
    await site.pass(1000);
    await site.stop(...nodes);
    const alone = await site.start(1n, { alone: {} });
    await site.leader([alone]);
    await site.propose(alone, 'b');
    const added = await site.start(4n);
    await site.until(alone.raft.addLearner({ id: 4n, address: addressOf(4n) }));
    await site.pass(pauseMs);
    await site.propose(alone, 'c');
    await site.pass(3000);
    expect(added.machine.texts).toEqual(['a', 'b', 'c']);
    const { identity } = alone.raft.clusterInfo();
    expect(added.raft.clusterInfo().identity).toEqual(identity);
    await site.stop(added);
    const again = await site.start(4n);
    await site.propose(alone, 'd');
    await site.pass(1000);
    expect(again.machine.texts).toEqual(['a', 'b', 'c', 'd']);
    expect([...added.warnings, ...again.warnings, ...alone.warnings].join()).not.toMatch(/refuse/);
  });
});
