import { describe, expect, it } from 'vitest';
import { checkKeyValueHistory, type KeyValueOperation } from '@babuza/testkit';
import { announceApi } from '../../src/cluster/announce-api.ts';
import { apiServiceName } from '../../src/cluster/api/index.ts';
import { KeyValueClient, SessionExpiredError } from '../../src/cluster/client/index.ts';
import { valueBytesMax } from '../../src/cluster/key-value-codec.ts';
import { Door, jsonDoor } from './doors.ts';
import { addressOf, bytesOf, eventually, TestCluster, textOf } from './support.ts';

/** Of a failover: the tests' own timeout is the limit. */
const patient = { deadlineMs: 50_000, attemptTimeoutMs: 300, backoffMinMs: 5, backoffMaxMs: 50 };
/** Repeats nothing by itself on a machine that is slow. */
const unhurried = { ...patient, attemptTimeoutMs: 40_000 };
const failure = (promise: Promise<unknown>): Promise<Record<string, unknown>> =>
  promise.then(
    () => ({ code: 'none' }),
    (error: Record<string, unknown>) => error,
  );

describe('a client of a cluster that is well', () => {
  it('finds the leader from any member, and writes, reads, compares and deletes', async () => {
    await using cluster = await TestCluster.start(3);
    const { api: follower } = await cluster.follower();
    await using client = new KeyValueClient({ nodes: [follower.url] });
    await client.open();
    expect((await cluster.leader()).raft.status().sessions.open).toBe(1);
    expect(await client.get('a')).toBeUndefined();
    expect(await client.put('a', bytesOf('one'))).toMatchObject({ existed: false });
    expect(client.nodes).toContain((await cluster.leader()).api.url);
    expect(textOf(await client.get('a'))).toBe('one');
    expect(textOf(await client.get('a', { stale: true }))).toBe('one');
    expect(textOf(await client.get('a', { at: follower.url }))).toBe('one');
    const [one, two] = [bytesOf('one'), bytesOf('two')];
    expect(await client.compareAndSet('a', undefined, two)).toMatchObject({ swapped: false });
    expect(await client.compareAndSet('a', one, two)).toMatchObject({ swapped: true });
    expect(await client.compareAndSet('b', undefined, new Uint8Array(0))).toMatchObject({
      swapped: true,
    });
    expect(await client.delete('a')).toMatchObject({ existed: true });
    expect(await client.delete('a')).toMatchObject({ existed: false });
    const large = Buffer.alloc(valueBytesMax, 9);
    await client.put('ключ/..', large);
    expect(await client.compareAndSet('ключ/..', large, large)).toMatchObject({ swapped: true });
    expect(large.equals((await client.get('ключ/..')) ?? Buffer.alloc(0))).toBe(true);
  });

  it('has many calls under way, each with a sequence of its own, and the lowest is right', async () => {
    await using cluster = await TestCluster.start(3);
    const leader = await cluster.leader();
    await using door = await Door.before(
      () => leader.api.url,
      () => false,
    );
    await using client = new KeyValueClient({
      nodes: [door.url],
      connectionsMax: 16,
      ...unhurried,
    });
    const writes = Array.from({ length: 150 }, (_, at) =>
      client.put(`key ${at}`, bytesOf(`${at}`)),
    );
    const results = await Promise.all(writes);
    expect(new Set(results.map(({ index }) => index)).size).toBe(150);
    const sent = door.heard.filter(({ method }) => method === 'PUT').map(({ headers }) => headers);
    const sequences = sent.map((headers) => Number(headers['babuza-sequence']));
    expect([...sequences].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 150 }, (_, at) => at + 1),
    );
    for (const headers of sent) {
      const lowest = Number(headers['babuza-lowest-unanswered']);
      expect(lowest).toBeLessThanOrEqual(Number(headers['babuza-sequence']));
    }
    await client.put('last', bytesOf('x'));
    expect(door.heard.at(-1)?.headers['babuza-lowest-unanswered']).toBe('151');
    expect(door.heard.filter(({ path }) => path === '/v1/sessions')).toHaveLength(1);
    expect(leader.machine.size.keys).toBe(151);
  });

  it('administers: members, snapshots, leadership, status, digest', async () => {
    await using cluster = await TestCluster.start(3);
    await using client = new KeyValueClient({ nodes: cluster.urls, ...patient });
    await client.put('a', bytesOf('one'));
    const { api, raft } = await cluster.startNode(4n);
    const added = await client.cluster.addMember({ id: 4n, address: addressOf(4n) });
    expect(added.members.at(-1)).toEqual({
      id: 4n,
      address: addressOf(4n),
      role: 'learner',
      api: undefined,
    });
    await announceApi(raft, api.url);
    expect((await client.cluster.members()).members.at(-1)?.api).toBe(api.url);
    await eventually('the learner is ready', () =>
      client.cluster.promoteMember(4n).catch((error: Record<string, unknown>) => {
        expect(error['answerCode']).toBe('RAFT_LEARNER_NOT_READY');
        return undefined;
      }),
    );
    const follower = (await cluster.follower()).id;
    expect((await client.cluster.transferLeadership(follower))?.id).toBe(follower);
    const status = await client.cluster.status();
    expect(status).toMatchObject({ nodeId: follower, role: 'leader', keys: 1, bytes: 3 });
    expect(status.all['figures']).toEqual({ bigFigure: '1152921504606846976' });
    const digests = await eventually('the same index', async () => {
      const all = await Promise.all(cluster.urls.map((at) => client.cluster.digest({ at })));
      return new Set(all.map(({ index }) => index)).size === 1 ? all : undefined;
    });
    expect(new Set(digests.map(({ sha256 }) => sha256)).size).toBe(1);
    const removed = await client.cluster.removeMember(follower === 1n ? 2n : 1n);
    expect(removed.members).toHaveLength(3);
    const again = client.cluster.addMember({ id: removed.removed[0] ?? 0n, address: 'again' });
    expect(await failure(again)).toMatchObject({
      code: 'KEY_VALUE_REFUSED',
      answerCode: 'RAFT_CONF_CHANGE_REFUSED',
      outcome: 'not-applied',
    });
    const { index } = await client.cluster.takeSnapshot();
    expect(index).toBeGreaterThan(0);
  });

  it('every member makes its API known by itself, whoever leads', async () => {
    await using cluster = await TestCluster.start(3);
    const nodes = [...cluster.nodes.values()];
    const doors = nodes.map(({ id }) => `http://elsewhere-${id}:80`);
    const leader = await cluster.leader();
    // Its own address last: the others reach it by it.
    const others = nodes.filter(({ id }) => id !== leader.id);
    for (const { id, raft } of others) await announceApi(raft, doors[Number(id) - 1] ?? '');
    await announceApi(leader.raft, doors[Number(leader.id) - 1] ?? '');
    const { members } = leader.raft.clusterInfo();
    expect(members.map(({ services }) => services[apiServiceName])).toEqual(doors);
    const ended = announceApi(leader.raft, 'http://x:1', {
      signal: AbortSignal.abort(new Error('no')),
    });
    await expect(ended).rejects.toThrow('no');
  });
});

describe('a client whose answers get lost', () => {
  it('sends the same write again, which applies once', async () => {
    await using cluster = await TestCluster.start(3);
    const leader = await cluster.leader();
    const lost = new Map<unknown, number>();
    await using door = await Door.before(
      () => leader.api.url,
      ({ method, headers }) => {
        const sequence = headers['babuza-sequence'];
        const before = lost.get(sequence) ?? 0;
        lost.set(sequence, before + 1);
        return method !== 'GET' && before < 2;
      },
    );
    await using client = new KeyValueClient({ nodes: [door.url], ...unhurried });
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, at) => client.put(`key ${at}`, bytesOf('one'))),
    );
    // The answer of the first time: a second application would have found a value.
    expect(results.every(({ existed }) => !existed)).toBe(true);
    const [expected, value] = [bytesOf('one'), bytesOf('two')];
    expect(await client.compareAndSet('key 0', expected, value)).toMatchObject({ swapped: true });
    expect(await client.delete('key 0')).toMatchObject({ existed: true });
    expect(door.heard.filter(({ headers }) => headers['babuza-sequence'] === '3')).toHaveLength(3);
    expect(leader.raft.status().sessions.duplicates).toBe(44);
  });

  it('never repeats a change of the cluster whose outcome is unknown', async () => {
    await using cluster = await TestCluster.start(3);
    const leader = await cluster.leader();
    await using door = await Door.before(
      () => leader.api.url,
      ({ method }) => method === 'PUT',
    );
    await using client = new KeyValueClient({ nodes: [door.url], ...patient });
    const changing = client.cluster.updateMember(1n, { api: 'http://new:1' });
    expect(await failure(changing)).toMatchObject({
      code: 'KEY_VALUE_OUTCOME_UNKNOWN',
      outcome: 'unknown',
    });
    expect(door.heard.filter(({ method }) => method === 'PUT')).toHaveLength(1);
    expect((await client.cluster.members()).members[0]?.api).toBe('http://new:1');
  });

  it('a write of a session that has expired goes on in a new one, unless an attempt of it may have been applied', async () => {
    await using cluster = await TestCluster.start(3, { sessionsMax: 1 });
    const leader = await cluster.leader();
    let loses = false;
    let isUnregistered = false;
    await using door = await Door.before(
      () => leader.api.url,
      ({ method }) => {
        if (!loses || method !== 'PUT') return false;
        loses = false;
        isUnregistered = true;
        return true;
      },
    );
    await using client = new KeyValueClient({ nodes: [door.url], ...patient, backoffMinMs: 50 });
    await client.put('a', bytesOf('one'));
    await leader.raft.registerSession();
    expect(await client.put('a', bytesOf('two'))).toMatchObject({ existed: true });
    expect(textOf(await client.get('a'))).toBe('two');
    loses = true;
    const ending = eventually('the write was lost', () => (isUnregistered ? true : undefined)).then(
      () => leader.raft.registerSession(),
    );
    const [second] = await Promise.all([failure(client.put('a', bytesOf('four'))), ending]);
    expect(second).toBeInstanceOf(SessionExpiredError);
    expect(second).toMatchObject({
      code: 'KEY_VALUE_SESSION_EXPIRED',
      answerCode: 'RAFT_SESSION_EXPIRED',
      outcome: 'unknown',
    });
    expect(textOf(await client.get('a'))).toBe('four');
  });
});

describe('a client of a cluster whose leader goes', () => {
  it('goes on when leadership is handed over, again and again', async () => {
    await using cluster = await TestCluster.start(3);
    await using client = new KeyValueClient({ nodes: cluster.urls, ...patient });
    let written = 0;
    const writing = Promise.all(
      [0, 1, 2, 3].map(async (writer) => {
        for (let at = 0; at < 30; at += 1) {
          const { existed } = await client.put(`${writer} ${at}`, bytesOf(`${at}`));
          expect(existed).toBe(false);
          written += 1;
        }
      }),
    );
    for (const enough of [10, 30, 50, 70, 90]) {
      await eventually(`${enough} writes`, () => (written >= enough ? true : undefined));
      await (await cluster.leader()).raft.transferLeader().catch(() => undefined);
    }
    await writing;
    const { machine } = await cluster.leader();
    expect(machine.size.keys).toBe(120);
  });

  it('loses nothing when the leader is killed, and the history is linearizable', async () => {
    await using cluster = await TestCluster.start(3);
    const clients = [0, 1, 2, 3].map(
      () => new KeyValueClient({ nodes: cluster.urls, ...patient, connectionsMax: 4 }),
    );
    const history: KeyValueOperation[] = [];
    let moment = 0;
    const step = async (client: KeyValueClient, number: number, at: number): Promise<void> => {
      const key = 'abc'.charAt((number + at) % 3);
      const value = `${number} ${at}`;
      const calledAt = (moment += 1);
      const note = (
        input: KeyValueOperation['input'],
        output: string | boolean | undefined,
      ): void => {
        history.push({ client: number, input, calledAt, returned: { at: (moment += 1), output } });
      };
      if (at % 3 === 0) {
        await client.put(key, bytesOf(value));
        note({ kind: 'put', key, value }, undefined);
      } else if (at % 3 === 1) {
        note({ kind: 'get', key }, textOf(await client.get(key)));
      } else {
        const current = await client.get(key, { stale: true });
        const expected = textOf(current);
        const { swapped } = await client.compareAndSet(key, current, bytesOf(value));
        note({ kind: 'compare-and-set', key, expected, value }, swapped);
      }
    };
    const killing = eventually('enough was done', () =>
      history.length > 40 ? true : undefined,
    ).then(async () => cluster.kill((await cluster.leader()).id));
    await Promise.all(
      clients.map(async (client, number) => {
        for (let at = 0; at < 30; at += 1) await step(client, number, at);
      }),
    );
    await killing;
    expect(history).toHaveLength(120);
    expect(checkKeyValueHistory(history, 1_000_000).verdict).toBe('linearizable');
    await Promise.all(clients.map((client) => client.close()));
  });

  it('passes by a node that hangs and one that is no node', async () => {
    await using cluster = await TestCluster.start(1);
    await using hanging = await Door.open(() => undefined);
    await using broken = await Door.open((request, response) => {
      request.resume();
      response.writeHead(502).end('<html>');
    });
    const nodes = [hanging.url, broken.url, ...cluster.urls];
    await using client = new KeyValueClient({ nodes, ...patient });
    expect(await client.put('a', bytesOf('one'))).toMatchObject({ existed: false });
    expect(hanging.heard.length).toBeGreaterThan(0);
    expect(broken.heard.length).toBeGreaterThan(0);
  });
});

describe('what a client does not wait for', () => {
  it('ends at its deadline, and says what is known', async () => {
    await using door = await Door.open(() => undefined);
    const { url: gone } = door;
    await using client = new KeyValueClient({ nodes: [gone], deadlineMs: 120, backoffMinMs: 5 });
    expect(await failure(client.get('a'))).toMatchObject({ code: 'KEY_VALUE_DEADLINE' });
    expect(await failure(client.put('a', bytesOf('x')))).toMatchObject({
      code: 'KEY_VALUE_DEADLINE',
      outcome: 'not-applied',
    });
    await door[Symbol.asyncDispose]();
    expect(await failure(client.cluster.removeMember(1n))).toMatchObject({
      code: 'KEY_VALUE_DEADLINE',
      outcome: 'not-applied',
    });
  });

  it('ends with a signal, also where it waits for others', async () => {
    await using door = await Door.open(() => undefined);
    await using client = new KeyValueClient({ nodes: [door.url], writesMax: 1 });
    const ending = new AbortController();
    const { signal } = ending;
    const calls = [
      client.get('a', { signal }),
      client.put('a', bytesOf('x'), { signal }),
      client.put('b', bytesOf('y'), { signal }),
      client.cluster.status({ signal }),
    ].map((call) => failure(call));
    ending.abort(new Error('enough'));
    for (const error of await Promise.all(calls)) expect(error['message']).toBe('enough');
    expect(await failure(client.get('a', { signal }))).toMatchObject({ message: 'enough' });
  });

  it('does not ask two nodes that name each other in a tight loop', async () => {
    const urls: string[] = [];
    const open = (other: number): Promise<Door> =>
      Door.open((request, response) => {
        request.resume();
        const leader = { id: '1', address: 'x', api: urls.at(other) };
        const body = JSON.stringify({ code: 'RAFT_NOT_LEADER', message: 'not me', leader });
        response.writeHead(421, { 'content-type': 'application/json' }).end(body);
      });
    await using first = await open(1);
    await using second = await open(0);
    urls.push(first.url, second.url);
    const options = { deadlineMs: 300, backoffMinMs: 40, backoffMaxMs: 40 };
    await using client = new KeyValueClient({ nodes: [first.url], ...options });
    const error = await failure(client.get('a'));
    expect(error).toMatchObject({ code: 'KEY_VALUE_DEADLINE', outcome: 'not-applied' });
    // At most two for each pause, of which none is below 20 ms.
    expect(first.heard.length + second.heard.length).toBeLessThanOrEqual(32);
  });

  it('refuses what no node would take, and sends nothing', async () => {
    await using door = await jsonDoor(200, {});
    await using client = new KeyValueClient({ nodes: [door.url] });
    const wrong = { code: 'KEY_VALUE_INVALID', outcome: 'not-applied' };
    const large = new Uint8Array(valueBytesMax + 1);
    const calls = [
      client.get(''),
      client.get('\ud800'),
      client.put('a', large),
      client.compareAndSet('a', large, bytesOf('x')),
      client.get('a', { deadlineMs: 0 }),
      client.get('a', { at: 'ftp://there' }),
    ];
    for (const call of calls) expect(await failure(call)).toMatchObject(wrong);
    for (const nodes of [[], ['localhost:80'], ['http://user@host:80'], ['http://a:1/path']]) {
      expect(() => new KeyValueClient({ nodes })).toThrow(expect.objectContaining(wrong));
    }
    expect(() => new KeyValueClient({ nodes: [door.url], writesMax: 0.5 })).toThrow('writesMax');
    expect(door.heard).toEqual([]);
  });

  it('does not believe what is no answer of this API', async () => {
    await using empty = await jsonDoor(200, { session: 'none' });
    await using client = new KeyValueClient({ nodes: [empty.url] });
    const unreadable = { code: 'KEY_VALUE_UNREADABLE' };
    expect(await failure(client.put('a', bytesOf('x')))).toMatchObject(unreadable);
    expect(await failure(client.cluster.status())).toMatchObject(unreadable);
    expect(await failure(client.cluster.members())).toMatchObject(unreadable);
    await using endless = await Door.open((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
      };
      response.on('drain', more);
      more();
    });
    await using other = new KeyValueClient({ nodes: [endless.url] });
    expect(await failure(other.get('a'))).toMatchObject(unreadable);
  });

  it('closes: what waits is told, nothing is left, and nothing more is sent', async () => {
    await using cluster = await TestCluster.start(1);
    const { api, raft } = await cluster.leader();
    await using hanging = await Door.open(() => undefined);
    const client = new KeyValueClient({ nodes: [api.url] });
    await client.put('a', bytesOf('one'));
    expect(raft.status().sessions.open).toBe(1);
    const waiting = failure(client.get('a', { at: hanging.url }));
    await eventually('it asks', () => (hanging.heard.length > 0 ? true : undefined));
    await Promise.all([client.close(), client.close()]);
    const closed = { code: 'KEY_VALUE_CLOSED' };
    expect(await waiting).toMatchObject(closed);
    expect(await failure(client.put('a', bytesOf('two')))).toMatchObject(closed);
    expect(await failure(client.get('a'))).toMatchObject(closed);
    // Its session has ended with it.
    expect(raft.status().sessions.open).toBe(0);
  });
});
