import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { request } from 'node:http';
import { connect } from 'node:net';
import { valueBytesMax } from '../../src/cluster/key-value-codec.ts';
import { statusOf } from '../../src/cluster/api/index.ts';
import { addressOf, bytesOf, eventually, TestCluster } from './support.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
  readonly json: Record<string, unknown>;
}

/** One request on a connection of its own; the path goes out as it is. */
function ask(
  url: string,
  method: string,
  path: string,
  body?: Uint8Array | string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const all = { ...(method === 'GET' ? {} : { 'babuza-request': '1' }), ...headers };
    const options = { hostname, port, method, path, headers: all, agent: false };
    const going = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const whole = Buffer.concat(chunks);
        const type = String(response.headers['content-type']);
        const isJson = type.startsWith('application/json') && whole.length > 0;
        const json = isJson ? (JSON.parse(whole.toString()) as Record<string, unknown>) : {};
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: whole, json });
      });
    });
    going.on('error', reject);
    going.end(body);
  });
}

/** Everything that the server says to these bytes until it ends the connection. */
function raw(url: string, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}

const session = (id: unknown, sequence: number, lowest: number): Record<string, string> => ({
  'babuza-session': String(id),
  'babuza-sequence': String(sequence),
  'babuza-lowest-unanswered': String(lowest),
});

describe('the API of a cluster', () => {
  let cluster: TestCluster;
  let leader = '';
  let follower = '';

  beforeAll(async () => {
    cluster = await TestCluster.start(3);
    leader = (await cluster.leader()).api.url;
    follower = (await cluster.follower()).api.url;
  });

  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    expect(cluster.reported).toEqual([]);
  });

  it('puts, gets and deletes raw bytes', async () => {
    const value = Uint8Array.from({ length: 256 }, (_, at) => at);
    const first = await ask(leader, 'PUT', '/v1/keys/bytes', value);
    expect([first.status, first.json['existed']]).toEqual([200, false]);
    const read = await ask(leader, 'GET', '/v1/keys/bytes');
    expect(read.body.equals(value)).toBe(true);
    expect(read.headers['content-type']).toBe('application/octet-stream');
    expect((await ask(leader, 'PUT', '/v1/keys/bytes', '')).json['existed']).toBe(true);
    expect((await ask(leader, 'GET', '/v1/keys/bytes')).body.length).toBe(0);
    expect((await ask(leader, 'DELETE', '/v1/keys/bytes')).json['existed']).toBe(true);
    const gone = await ask(leader, 'GET', '/v1/keys/bytes');
    expect([gone.status, gone.json['code']]).toEqual([404, 'API_KEY_NOT_FOUND']);
    expect((await ask(leader, 'DELETE', '/v1/keys/bytes')).json['existed']).toBe(false);
  });

  it('takes any key that is text, and the largest value, to which every member answers', async () => {
    const value = Buffer.alloc(valueBytesMax, 5);
    for (const key of ['a/b', '..', 'ключ 😀', '%', '?stale=true', 'k'.repeat(1024)]) {
      const path = `/v1/keys/${encodeURIComponent(key)}`;
      expect((await ask(leader, 'PUT', path, key)).status).toBe(200);
      expect((await ask(follower, 'GET', path)).body.toString()).toBe(key);
    }
    expect((await ask(leader, 'PUT', '/v1/keys/large', value)).status).toBe(200);
    expect((await ask(follower, 'GET', '/v1/keys/large')).body.equals(value)).toBe(true);
    const stale = await ask(leader, 'GET', '/v1/keys/large?stale=true');
    expect(stale.body.equals(value)).toBe(true);
  });

  it('compares and sets by value', async () => {
    const swap = (expected: string, body: string): Promise<Answer> =>
      ask(leader, 'POST', '/v1/keys/swap/compare-and-set', body, {
        'babuza-expected-bytes': expected,
      });
    expect((await swap('absent', 'one')).json['swapped']).toBe(true);
    expect((await swap('absent', 'two')).json['swapped']).toBe(false);
    expect((await swap('3', 'onetwo')).json['swapped']).toBe(true);
    expect((await swap('3', 'onetwo')).json['swapped']).toBe(false);
    expect((await ask(leader, 'GET', '/v1/keys/swap')).body.toString()).toBe('two');
    for (const [expected, body] of [
      ['4', 'one'],
      ['-1', 'one'],
      ['9999999', 'one'],
      ['some', 'one'],
    ] as const) {
      const refused = await swap(expected, body);
      expect([refused.status, refused.json['code']]).toEqual([400, 'API_INVALID_BODY']);
    }
  });

  it('a member that does not lead refuses writes and says who does', async () => {
    const id = (await cluster.leader()).id;
    const refused = await ask(follower, 'PUT', '/v1/keys/a', Buffer.alloc(valueBytesMax));
    expect(refused.status).toBe(421);
    expect(refused.json).toMatchObject({
      code: 'RAFT_NOT_LEADER',
      leader: { id: `${id}`, address: addressOf(id), api: leader },
    });
    const calls = [
      ['POST', '/v1/sessions'],
      ['DELETE', '/v1/sessions/1'],
      ['DELETE', '/v1/members/9'],
      ['POST', '/v1/members/2/promote'],
      ['POST', '/v1/leadership'],
    ] as const;
    for (const [method, path] of calls)
      expect((await ask(follower, method, path)).status).toBe(421);
  });

  it('a write that is sent twice within a session applies once', async () => {
    const { json, status } = await ask(leader, 'POST', '/v1/sessions');
    expect(status).toBe(201);
    const id = json['session'];
    const send = (body: string, sequence: number, lowest: number): Promise<Answer> =>
      ask(leader, 'PUT', '/v1/keys/once', body, session(id, sequence, lowest));
    expect((await send('first', 1, 1)).json['existed']).toBe(false);
    await ask(leader, 'PUT', '/v1/keys/once', 'other');
    expect((await send('first', 1, 1)).json['existed']).toBe(false);
    expect((await ask(leader, 'GET', '/v1/keys/once')).body.toString()).toBe('other');
    expect((await send('second', 2, 2)).status).toBe(200);
    const stale = await send('first', 1, 1);
    expect([stale.status, stale.json['code']]).toEqual([409, 'RAFT_SEQUENCE_STALE']);
    expect((await ask(leader, 'DELETE', `/v1/sessions/${String(id)}`)).status).toBe(200);
    const expired = await send('third', 3, 3);
    expect([expired.status, expired.json['code']]).toEqual([410, 'RAFT_SESSION_EXPIRED']);
    expect((await ask(leader, 'DELETE', '/v1/sessions/zero')).json['code']).toBe(
      'API_INVALID_SESSION',
    );
  });

  it('refuses session headers that are incomplete or make no sense', async () => {
    const wrong: Record<string, string>[] = [
      { 'babuza-session': '1' },
      session('x', 1, 1),
      session(1, 0, 1),
      session(1, 1, 2),
      session('9007199254740993', 1, 1),
    ];
    for (const headers of wrong) {
      const { status, json } = await ask(leader, 'PUT', '/v1/keys/a', 'v', headers);
      expect([status, json['code']]).toEqual([400, 'API_INVALID_SESSION']);
    }
  });

  it('refuses unknown paths, methods, keys, parameters and bodies, each with a code', async () => {
    const cases = [
      ['GET', '/', '', 404, 'API_NOT_FOUND'],
      ['GET', '/v1/keys', '', 404, 'API_NOT_FOUND'],
      ['PATCH', '/v1/keys/a', 'x', 405, 'API_METHOD_NOT_ALLOWED'],
      ['OPTIONS', '/v1/members', '', 405, 'API_METHOD_NOT_ALLOWED'],
      ['GET', '/v1/keys/', '', 400, 'API_INVALID_KEY'],
      ['GET', '/v1/keys/%ff', '', 400, 'API_INVALID_KEY'],
      ['GET', '/v1/keys/%zz', '', 400, 'API_INVALID_KEY'],
      ['GET', `/v1/keys/${'k'.repeat(1025)}`, '', 400, 'API_INVALID_KEY'],
      ['GET', '/v1/keys/a?stale=perhaps', '', 400, 'API_INVALID_QUERY'],
      ['GET', '/v1/keys/a?fresh=true', '', 400, 'API_INVALID_QUERY'],
      ['POST', '/v1/members', '{"id":', 400, 'API_INVALID_BODY'],
      ['POST', '/v1/members', '[]', 400, 'API_INVALID_BODY'],
      ['POST', '/v1/members', '{"id":"4"}', 400, 'API_INVALID_BODY'],
      ['POST', '/v1/members', '{"id":"0","address":"a"}', 400, 'API_INVALID_BODY'],
      ['POST', '/v1/members', '{"id":9007199254740993,"address":"a"}', 400, 'API_INVALID_BODY'],
      ['POST', '/v1/members', '{"id":"4","address":"a","role":"king"}', 400, 'API_INVALID_BODY'],
      ['POST', '/v1/members', '{"id":"4","adress":"a"}', 400, 'API_INVALID_BODY'],
      ['PUT', '/v1/members/1', '{}', 400, 'API_INVALID_BODY'],
      ['DELETE', '/v1/members/none', '', 400, 'API_INVALID_QUERY'],
      ['DELETE', '/v1/members/77', '', 409, 'RAFT_CONF_CHANGE_REFUSED'],
    ] as const;
    for (const [method, path, body, status, code] of cases) {
      const answer = await ask(leader, method, path, body);
      expect([path, answer.status, answer.json['code']]).toEqual([path, status, code]);
      expect(typeof answer.json['message']).toBe('string');
    }
    expect((await ask(leader, 'PATCH', '/v1/members')).headers['allow']).toBe('GET, HEAD, POST');
    expect(statusOf('RAFT_BUSY')).toBe(503);
  });

  it('refuses conditions that it would not keep, and writes nothing', async () => {
    const { url } = (await cluster.leader()).api;
    const key = '/v1/keys/conditional';
    expect((await ask(url, 'PUT', key, 'first')).status).toBe(200);
    const conditions = { 'if-match': '"a"', 'if-none-match': '*', 'if-unmodified-since': 'now' };
    for (const [name, value] of Object.entries(conditions)) {
      for (const method of ['PUT', 'DELETE']) {
        const answer = await ask(url, method, key, undefined, { [name]: value });
        expect([name, method, answer.status]).toEqual([name, method, 400]);
        expect(answer.json).toMatchObject({ code: 'API_CONDITION_UNSUPPORTED' });
        expect(answer.json['message']).toContain('compare-and-set');
      }
    }
    expect((await ask(url, 'GET', key, undefined, { 'if-none-match': '"a"' })).status).toBe(200);
    expect((await ask(url, 'GET', key)).body.toString()).toBe('first');
  });

  it('answers HEAD as GET, without a body', async () => {
    const { url } = (await cluster.leader()).api;
    await ask(url, 'PUT', '/v1/keys/head', 'value');
    for (const [path, status] of [
      ['/health', 200],
      ['/ready', 200],
      ['/v1/keys/head', 200],
      ['/v1/keys/nobody', 404],
      ['/v1/sessions', 405],
    ] as const) {
      const { status: answered, headers, body } = await ask(url, 'HEAD', path);
      expect([path, answered, body.length]).toEqual([path, status, 0]);
      expect(Number(headers['content-length'])).toBeGreaterThan(0);
    }
  });

  it('refuses bodies that are too large, told before or found out', async () => {
    const value = Buffer.alloc(valueBytesMax + 1);
    const told = await ask(leader, 'PUT', '/v1/keys/a', value);
    expect([told.status, told.json['code']]).toEqual([413, 'API_BODY_TOO_LARGE']);
    const chunked = await ask(leader, 'PUT', '/v1/keys/a', value, {
      'transfer-encoding': 'chunked',
    });
    expect([chunked.status, chunked.json['code']]).toEqual([413, 'API_BODY_TOO_LARGE']);
    const endless = await raw(
      leader,
      'PUT /v1/keys/a HTTP/1.1\r\nbabuza-request: 1\r\ncontent-length: 99999999999\r\n\r\nx',
    );
    expect(endless).toContain('413');
    expect((await cluster.leader()).api.heldBytes).toBe(0);
  });

  it('answers garbage, headers that are too large and expectations, and goes on', async () => {
    expect(await raw(leader, '\x16\x03\x01 no words of ours\r\n\r\n')).toContain('API_BAD_REQUEST');
    const large = `GET /health HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`;
    expect(await raw(leader, large)).toContain('API_HEADERS_TOO_LARGE');
    const expecting = 'GET /health HTTP/1.1\r\nexpect: wonders\r\n\r\n';
    expect(await raw(leader, expecting)).toContain('API_EXPECTATION_FAILED');
    const smuggled =
      'PUT /v1/keys/a HTTP/1.1\r\nbabuza-request: 1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';
    expect(await raw(leader, smuggled)).toContain('API_BAD_REQUEST');
    expect((await ask(leader, 'GET', '/health')).status).toBe(200);
  });

  it('asks for the body of a client that waits to be told, and not at a member that refuses', async () => {
    const head =
      'PUT /v1/keys/go HTTP/1.1\r\nbabuza-request: 1\r\ncontent-length: 2\r\nexpect: 100-continue\r\n';
    const { hostname, port } = new URL(leader);
    const told = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(`${head}connection: close\r\n\r\n`);
      });
      let text = '';
      socket.on('data', (chunk) => {
        if (text === '' && chunk.toString().includes('100 Continue')) socket.write('ok');
        text += chunk.toString();
      });
      socket.on('error', reject).on('close', () => resolve(text));
    });
    expect(told).toContain('"existed":false');
    const refused = await raw(follower, `${head}\r\n`);
    expect(refused).toContain('421');
    expect(refused).not.toContain('100 Continue');
  });

  it('tells how it is: status, health, readiness, metrics, members', async () => {
    const { json } = await ask(leader, 'GET', '/v1/status');
    expect(json).toMatchObject({
      role: 'leader',
      nodeId: String((await cluster.leader()).id),
      readiness: { ready: true },
      leader: { api: leader },
      figures: { bigFigure: '1152921504606846976' },
    });
    expect((json['progress'] as unknown[]).length).toBe(3);
    expect((await ask(follower, 'GET', '/health')).json['status']).toBe('running');
    expect((await ask(follower, 'GET', '/ready')).json).toEqual({ ready: true });
    expect((await ask(leader, 'GET', '/metrics')).body.toString()).toBe('up 1\n');
    const members = await ask(follower, 'GET', '/v1/members');
    expect(members.json['members']).toHaveLength(3);
    expect(members.json).toMatchObject({ removed: [], leader: { api: leader } });
  });
});

describe('the API and the cluster behind it', () => {
  it('ends a request that does not arrive, in its headers or in its body', async () => {
    await using cluster = await TestCluster.start(1, {
      limits: { headersTimeoutMs: 200, requestTimeoutMs: 400 },
    });
    const leader = (await cluster.leader()).api.url;
    const headers = await raw(leader, 'GET /health HTTP/1.1\r\nx: y');
    expect(headers).toContain('API_REQUEST_TIMEOUT');
    const body = await raw(
      leader,
      'PUT /v1/keys/a HTTP/1.1\r\nbabuza-request: 1\r\ncontent-length: 5\r\n\r\nab',
    );
    expect(body).toContain('408');
    await eventually('nothing is held', async () =>
      (await cluster.leader()).api.heldBytes === 0 ? true : undefined,
    );
  });

  it('bounds what bodies hold together, and serves again when they have gone', async () => {
    await using cluster = await TestCluster.start(1, {
      limits: { heldBytesMax: 4 * 1024 * 1024 },
    });
    const leader = (await cluster.leader()).api.url;
    const { hostname, port } = new URL(leader);
    const half = Buffer.alloc(1024 * 1024 - 10);
    const sockets = await Promise.all(
      Array.from({ length: 4 }, () => {
        const socket = connect(Number(port), hostname);
        socket.on('error', () => undefined);
        socket.write(
          `PUT /v1/keys/a HTTP/1.1\r\nbabuza-request: 1\r\ncontent-length: ${valueBytesMax}\r\n\r\n`,
        );
        return new Promise<typeof socket>((resolve) => socket.write(half, () => resolve(socket)));
      }),
    );
    const { api } = await cluster.leader();
    await eventually('much is held', () => (api.heldBytes > 3_900_000 ? true : undefined));
    const refused = await ask(leader, 'PUT', '/v1/keys/b', Buffer.alloc(500_000));
    expect([refused.status, refused.json['code']]).toEqual([503, 'API_BUSY']);
    for (const socket of sockets) socket.destroy();
    await eventually('nothing is held', () => (api.heldBytes === 0 ? true : undefined));
    expect((await ask(leader, 'PUT', '/v1/keys/b', bytesOf('small'))).status).toBe(200);
  });

  it('ends the connection of a client that does not read, and holds nothing for it', async () => {
    await using cluster = await TestCluster.start(1, {
      limits: { heldBytesMax: 24 * 1024 * 1024, answerTimeoutMs: 300 },
    });
    const { api } = await cluster.leader();
    await ask(api.url, 'PUT', '/v1/keys/large', Buffer.alloc(valueBytesMax));
    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.pause();
    socket.write('GET /v1/keys/large HTTP/1.1\r\n\r\n'.repeat(64));
    await eventually('much is held', () => (api.heldBytes > valueBytesMax ? true : undefined));
    expect((await ask(api.url, 'GET', '/health')).status).toBe(200);
    await eventually('nothing is held', () => (api.heldBytes === 0 ? true : undefined));
    socket.resume();
    await closed;
    expect((await ask(api.url, 'GET', '/v1/keys/large')).body.length).toBe(valueBytesMax);
  });

  it('adds a learner that catches up by a snapshot, promotes it, moves and removes members', async () => {
    await using cluster = await TestCluster.start(3);
    const leader = (await cluster.leader()).api.url;
    for (let at = 0; at < 50; at += 1) await ask(leader, 'PUT', `/v1/keys/${at}`, `${at}`);
    const snapshot = await ask(leader, 'POST', '/v1/snapshots');
    expect(snapshot.status).toBe(201);
    const { api, raft } = await cluster.startNode(4n);
    const added = await ask(
      leader,
      'POST',
      '/v1/members',
      JSON.stringify({ id: '4', address: addressOf(4n), api: api.url }),
    );
    expect(added.status).toBe(200);
    expect(added.json['members']).toContainEqual(
      expect.objectContaining({ id: '4', role: 'learner', api: api.url }),
    );
    await eventually('the learner is ready', async () => {
      const { status, json } = await ask(leader, 'POST', '/v1/members/4/promote');
      if (status === 200) return true;
      expect(json['code']).toBe('RAFT_LEARNER_NOT_READY');
      return undefined;
    });
    const { json: own } = await ask(leader, 'GET', '/v1/digest');
    await eventually('the same content', async () => {
      const { json } = await ask(api.url, 'GET', '/v1/digest');
      return json['sha256'] === own['sha256'] && json['index'] === own['index'] ? true : undefined;
    });
    const moved = await ask(leader, 'PUT', '/v1/members/4', '{"address":"elsewhere"}');
    expect(moved.json['members']).toContainEqual(
      expect.objectContaining({ id: '4', address: 'elsewhere', role: 'voter' }),
    );
    const { index: taken } = raft.status().snapshot ?? { index: 0 };
    expect(taken).toBeGreaterThanOrEqual(Number(snapshot.json['index']));
    const removed = await ask(leader, 'DELETE', '/v1/members/4');
    expect(removed.json['removed']).toEqual(['4']);
    const again = await ask(leader, 'POST', '/v1/members', '{"id":4,"address":"host-4"}');
    expect([again.status, again.json['code']]).toEqual([409, 'RAFT_CONF_CHANGE_REFUSED']);
  });

  it('answers for a new voter when it has caught up, and serves clients meanwhile', async () => {
    await using cluster = await TestCluster.start(1, { limits: { longDeadlineMs: 10_000 } });
    const { api: leader, raft } = await cluster.leader();
    const add = (id: number, api?: string): ReturnType<typeof ask> => {
      const body = { id: `${id}`, address: addressOf(BigInt(id)), role: 'voter', api };
      return ask(leader.url, 'POST', '/v1/members', JSON.stringify(body));
    };
    const adding = add(2, 'http://127.0.0.1:1');
    await eventually('a learner', async () => {
      const member = raft.clusterInfo().members.find(({ id }) => id === 2n);
      return member?.services['key-value-api'] === undefined ? undefined : true;
    });
    expect((await ask(leader.url, 'PUT', '/v1/keys/a', 'written meanwhile')).status).toBe(200);
    await cluster.startNode(2n);
    const added = await adding;
    expect(added.json['members']).toContainEqual(
      expect.objectContaining({ id: '2', role: 'voter' }),
    );
    // A voter that is there stays one.
    expect((await add(2)).json['members']).toContainEqual(
      expect.objectContaining({ id: '2', role: 'voter' }),
    );
  });

  it('hands leadership over', async () => {
    await using cluster = await TestCluster.start(3);
    const { id } = await cluster.follower();
    const { api } = await cluster.leader();
    const { status } = await ask(api.url, 'POST', '/v1/leadership', `{"to":"${id}"}`);
    expect(status).toBe(200);
    expect((await cluster.leader()).id).toBe(id);
    const nobody = await ask(cluster.node(id).api.url, 'POST', '/v1/leadership', '{"to":"9"}');
    expect([nobody.status, nobody.json['code']]).toEqual([503, 'RAFT_DROPPED']);
  });

  it('without a quorum calls end with the deadline; a close ends what waits', async () => {
    await using cluster = await TestCluster.start(3, { limits: { deadlineMs: 150 } });
    const { api, id } = await cluster.leader();
    cluster.network.isolate(addressOf(id));
    const waiting = await ask(api.url, 'PUT', '/v1/keys/a', 'x');
    expect(['API_DEADLINE', 'RAFT_NOT_LEADER', 'RAFT_OUTCOME_UNKNOWN']).toContain(
      waiting.json['code'],
    );
    await eventually('it notices', () =>
      api.url !== '' && cluster.node(id).raft.leader() === undefined ? true : undefined,
    );
    expect((await ask(api.url, 'GET', '/ready')).json['code']).toBe('API_NOT_READY');
    const read = ask(api.url, 'GET', '/v1/keys/a');
    const idle = connect(Number(new URL(api.url).port), '127.0.0.1');
    idle.on('error', () => undefined);
    const ended = new Promise((resolve) => idle.on('close', resolve));
    await new Promise<void>((resolve) => idle.on('connect', () => resolve()));
    await Promise.all([api.close(), api.close(), ended]);
    const outcome = await read.catch(() => undefined);
    if (outcome !== undefined) expect([503, 504]).toContain(outcome.status);
    await expect(ask(api.url, 'GET', '/health')).rejects.toThrow('ECONNREFUSED');
  });

  it('a node that has stopped says so', async () => {
    await using cluster = await TestCluster.start(1);
    const { api, raft } = await cluster.leader();
    await raft.shutdown();
    for (const path of ['/health', '/v1/status', '/v1/keys/a', '/v1/members']) {
      const { status, json } = await ask(api.url, 'GET', path);
      expect([status, json['code']]).toEqual([503, 'RAFT_STOPPED']);
    }
    expect((await ask(api.url, 'GET', '/ready')).json['code']).toBe('API_NOT_READY');
    expect(cluster.reported).toEqual([]);
  });
});
