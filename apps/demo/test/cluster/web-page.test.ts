/**
 * Web pages that a developer happens to visit, and strangers without a token, against the API of a
 * node.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RaftError } from '@babuza/raft';
import { serveKeyValueApi, type ApiToken, type KeyValueRaft } from '../../src/cluster/api/index.ts';
import { announceApi } from '../../src/cluster/announce-api.ts';
import { KeyValueClient } from '../../src/cluster/client/index.ts';
import { exchange, fetchAsPage, send, type Page, type PageRequest } from './web-page.ts';
import { bytesOf, eventually, TestCluster, textOf } from './support.ts';

/** Everything that changes something. */
const changes: readonly PageRequest[] = [
  { method: 'POST', path: '/v1/members', body: '{"id":"9","address":"evil.example:1"}' },
  { method: 'POST', path: '/v1/leadership', body: '{"to":"2"}' },
  { method: 'POST', path: '/v1/leadership', body: '' },
  { method: 'POST', path: '/v1/snapshots', body: '' },
  { method: 'POST', path: '/v1/sessions', body: '' },
  { method: 'POST', path: '/v1/members/2/promote', body: '' },
  { method: 'POST', path: '/v1/keys/secret/compare-and-set', body: 'evil' },
  { method: 'PUT', path: '/v1/keys/secret', body: 'evil' },
  { method: 'PUT', path: '/v1/members/2', body: '{"address":"evil.example:1"}' },
  { method: 'DELETE', path: '/v1/keys/secret' },
  { method: 'DELETE', path: '/v1/members/2' },
];

const simpleTypes = [
  'text/plain',
  'text/plain; application/json',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
];

const strangers: readonly [name: string, page: Page][] = [
  ['another site', { origin: 'https://evil.example', site: 'cross-site' }],
  ['a sandboxed frame', { origin: 'null', site: 'cross-site' }],
  ['another port of this machine', { origin: 'http://127.0.0.1:1', site: 'same-site' }],
  ['a file', { origin: 'null', site: undefined }],
  ['an old browser without Sec-Fetch', { origin: 'http://evil.example', site: undefined }],
  ['an old browser without Origin', { origin: undefined, site: undefined }],
];

describe('a web page', () => {
  let cluster: TestCluster;
  let url = '';
  let before: object;

  /** What no page may change. */
  const state = async (): Promise<object> => {
    const { raft } = await cluster.leader();
    const { members } = raft.clusterInfo();
    const digest = await raft.staleRead({ kind: 'digest' });
    const contents = digest.kind === 'digest' ? digest.sha256 : digest;
    const { snapshot, sessions } = raft.status();
    return { members, contents, snapshot, sessions: sessions.open };
  };

  beforeAll(async () => {
    cluster = await TestCluster.start(3);
    url = (await cluster.leader()).api.url;
    await using client = new KeyValueClient({ nodes: [url] });
    await client.put('secret', bytesOf('of the developer'));
    await client.close();
    before = await state();
  });

  afterAll(async () => {
    expect(await state()).toEqual(before);
    await cluster[Symbol.asyncDispose]();
    expect(cluster.reported).toEqual([]);
  });

  it.each(strangers)('of %s changes nothing with a simple request', async (_name, page) => {
    for (const change of changes.filter(({ method }) => method === 'POST')) {
      for (const type of simpleTypes) {
        const seen = await send(url, page, { ...change, headers: { 'content-type': type } });
        expect([403, 415], `${change.path} ${type}`).toContain(seen.status);
        expect(seen.body).toMatch(/"code":"API_(?:FOREIGN_ORIGIN|MEDIA_TYPE)"/);
        expect(seen.headers).not.toHaveProperty('access-control-allow-origin');
      }
    }
    expect(await state()).toEqual(before);
  });

  it.each(strangers)('of %s gets no leave for other requests', async (_name, page) => {
    for (const change of changes) {
      for (const headers of [{ 'content-type': 'application/json' }, { 'babuza-request': '1' }]) {
        const { preflight, answer } = await fetchAsPage(url, page, { ...change, headers });
        expect(answer).toBeUndefined();
        expect(preflight?.status).toBeGreaterThanOrEqual(400);
        const names = Object.keys(preflight?.headers ?? {});
        expect(names.filter((name) => name.startsWith('access-control-'))).toEqual([]);
      }
    }
    expect(await state()).toEqual(before);
  });

  it('of another site is refused also where a browser would not ask before', async () => {
    for (const [, page] of strangers.slice(0, 5)) {
      for (const change of changes) {
        const headers = { 'content-type': 'application/json', 'babuza-request': '1' };
        const seen = await send(url, page, { ...change, headers });
        expect([seen.status, JSON.parse(seen.body).code]).toEqual([403, 'API_FOREIGN_ORIGIN']);
      }
    }
  });

  it.each(['cross-site', 'same-site'] as const)('of a %s reads nothing', async (site) => {
    for (const path of ['/v1/keys/secret', '/v1/status', '/v1/members', '/health', '/metrics']) {
      const seen = await send(
        url,
        { origin: 'http://evil.example', site },
        { method: 'GET', path },
      );
      expect(seen.status).toBe(403);
      expect(seen.body).not.toContain('developer');
    }
  });

  it('whose name was pointed at this address is refused (DNS rebinding)', async () => {
    const { port } = new URL(url);
    const names = [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'localhost.',
    ];
    const others = ['0.0.0.0', '10.1.2.3', '[::2]', '127.0.0.1@evil.example', 'a b', '', '127.1'];
    for (const host of [...names.map((name) => `${name}:${port}`), ...names, ...others]) {
      const page = { origin: `http://${host}`, site: 'same-origin', host } as const;
      const read = await send(url, page, { method: 'GET', path: '/v1/keys/secret' });
      expect([read.status, JSON.parse(read.body).code], host).toEqual([403, 'API_FOREIGN_HOST']);
      for (const change of changes) {
        const headers = { 'content-type': 'application/json' };
        const { answer } = await fetchAsPage(url, page, { ...change, headers });
        expect(answer?.status, host).toBe(403);
      }
    }
    const two = ['GET /v1/status HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Host: evil.example'];
    expect((await exchange(url, two)).body).not.toContain('nodeId');
  });

  it.each([
    'null',
    'http://127.0.0.1',
    'http://127.0.0.1:1',
    'https://evil.example',
    'file://',
    'http://evil.example@127.0.0.1',
    'http://HOST.evil.example',
    'http://HOST, http://HOST',
  ])('that says the origin is %s is refused', async (origin) => {
    const { host } = new URL(url);
    const lines = ['GET /v1/status HTTP/1.1', `Host: ${host}`];
    const seen = await exchange(url, [...lines, `Origin: ${origin.replaceAll('HOST', host)}`]);
    expect([seen.status, JSON.parse(seen.body).code]).toEqual([403, 'API_FOREIGN_ORIGIN']);
  });

  it.each(['text/json', 'application/jsonp', 'application/json, text/plain', 'json', ''])(
    'or a program that sends %s and no header of ours is refused before its body is read',
    async (type) => {
      const { host } = new URL(url);
      const lines = ['PUT /v1/keys/secret HTTP/1.1', `Host: ${host}`, `Content-Type: ${type}`];
      const waiting = [...lines, 'Content-Length: 4', 'Expect: 100-continue'];
      const seen = await exchange(url, waiting);
      expect([seen.status, JSON.parse(seen.body).code]).toEqual([415, 'API_MEDIA_TYPE']);
    },
  );

  it.each(['http://undefined', 'https://undefined', 'null', ''])(
    'that leaves Host out and says the origin is %j is refused',
    async (origin) => {
      const seen = await exchange(url, ['GET /v1/status HTTP/1.0', `Origin: ${origin}`]);
      expect([seen.status, JSON.parse(seen.body).code]).toEqual([403, 'API_FOREIGN_ORIGIN']);
    },
  );

  it('cannot have a value or an error run as a script', async () => {
    const page = { origin: undefined, site: undefined } as const;
    for (const path of ['/v1/keys/secret', '/v1/keys/none', '/v1/none', '/v1/status']) {
      const seen = await send(url, page, { method: 'GET', path });
      expect(seen.headers['x-content-type-options'], path).toBe('nosniff');
      expect(seen.headers['content-type']).toMatch(/^application\/(?:json|octet-stream)/);
    }
  });

  it('of the node itself, and programs by all of its names, are served', async () => {
    const { port } = new URL(url);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, 'LOCALHOST:1']) {
      const page = { origin: `http://${host}`, site: 'same-origin', host } as const;
      const headers = { 'content-type': 'APPLICATION/JSON; charset=utf-8' };
      // Refused for its contents, which are looked at after the caller, and before who leads.
      const request = { method: 'POST', path: '/v1/members', headers, body: '{}' };
      const seen = await send(url, page, request);
      expect(JSON.parse(seen.body).code, host).toBe('API_INVALID_BODY');
    }
    const typed = { origin: undefined, site: 'none' } as const;
    expect((await send(url, typed, { method: 'GET', path: '/v1/status' })).status).toBe(200);
    expect((await exchange(url, ['GET /health HTTP/1.0'])).status).toBe(200);
  });

  it('is served under a name that the operator has given', async () => {
    const { raft } = await cluster.leader();
    const options = { raft, hosts: ['Node-1.example', '[2001:db8::1]'] };
    await using api = await serveKeyValueApi(options);
    for (const host of ['node-1.example', 'NODE-1.example:8080', '[2001:db8::1]:80']) {
      const page = { origin: `https://${host}`, site: 'same-origin', host } as const;
      expect((await send(api.url, page, { method: 'GET', path: '/health' })).status).toBe(200);
    }
    const other = { origin: undefined, site: undefined, host: 'node-2.example' };
    expect((await send(api.url, other, { method: 'GET', path: '/health' })).status).toBe(403);
    for (const wrong of ['http://a', 'a:80', '', 'a/b', '2001:db8::1']) {
      await expect(serveKeyValueApi({ raft, hosts: [wrong] })).rejects.toThrow('is no host');
    }
  });
});

describe('an API with tokens', () => {
  const tokens = (['read', 'write', 'admin'] as const).map((role): ApiToken => ({
    role,
    token: `${role}-${'x'.repeat(32)}`,
  }));
  const tokenOf = (role: string): string => `${role}-${'x'.repeat(32)}`;
  let cluster: TestCluster;
  let url = '';

  const call = async (
    method: string,
    path: string,
    authorization?: string,
    body = '',
  ): Promise<number> => {
    const lines = [`${method} ${path} HTTP/1.1`, `Host: ${new URL(url).host}`, 'babuza-request: 1'];
    if (authorization !== undefined) lines.push(`Authorization: ${authorization}`);
    const seen = await exchange(url, [...lines, `Content-Length: ${body.length}`], body);
    expect(seen.body).not.toContain('xxxx');
    if (seen.status === 401) expect(seen.headers['www-authenticate']).toContain('Bearer');
    return seen.status;
  };

  beforeAll(async () => {
    cluster = await TestCluster.start(1, { admission: { tokens } });
    url = (await cluster.leader()).api.url;
  });

  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    expect(cluster.reported).toEqual([]);
  });

  it.each([
    ['GET', '/v1/keys/none', 'read', 404],
    ['GET', '/v1/status', 'read', 200],
    ['GET', '/v1/members', 'read', 200],
    ['GET', '/v1/digest', 'read', 200],
    ['GET', '/metrics', 'read', 200],
    ['GET', '/health', 'read', 200],
    ['GET', '/ready', 'read', 200],
    ['HEAD', '/v1/status', 'read', 200],
    ['PUT', '/v1/keys/a', 'write', 200],
    ['DELETE', '/v1/keys/a', 'write', 200],
    ['POST', '/v1/keys/a/compare-and-set', 'write', 400],
    ['POST', '/v1/sessions', 'write', 201],
    ['DELETE', '/v1/sessions/none', 'write', 400],
    ['POST', '/v1/members', 'admin', 400],
    ['PUT', '/v1/members/1', 'admin', 400],
    ['DELETE', '/v1/members/none', 'admin', 400],
    ['POST', '/v1/members/none/promote', 'admin', 400],
    ['POST', '/v1/leadership', 'admin', 409],
    ['POST', '/v1/snapshots', 'admin', 201],
  ] as const)('wants for %s %s the role %s', async (method, path, role, status) => {
    const roles = ['read', 'write', 'admin'];
    expect(await call(method, path)).toBe(401);
    for (const [at, has] of roles.entries()) {
      const answered = await call(method, path, `Bearer ${tokenOf(has)}`);
      if (at < roles.indexOf(role)) expect(answered).toBe(403);
      else if (status === 409) expect([200, 409, 503]).toContain(answered);
      else if (status === 201) expect([200, 201]).toContain(answered);
      else expect(answered).toBe(status);
    }
  });

  it('answers 401 to all that is no token of it, also at paths that it does not have', async () => {
    const admin = tokenOf('admin');
    const wrong = [
      '',
      'Bearer',
      'Bearer ',
      `Basic ${admin}`,
      admin,
      `Bearer  ${admin}`,
      `Bearer ${admin}x`,
      `Bearer ${admin.slice(1)}`,
      `Bearer ${admin}, Bearer ${admin}`,
      `Bearer ${'y'.repeat(5000)}`,
      `Bearer ${admin.toUpperCase()}`,
    ];
    for (const each of wrong) expect(await call('GET', '/v1/status', each), each).toBe(401);
    expect(await call('GET', `/v1/status?access_token=${admin}`)).toBe(401);
    expect(await call('GET', '/v1/none')).toBe(401);
    expect(await call('OPTIONS', '/v1/members')).toBe(401);
    expect(await call('GET', '/v1/status', `bearer ${admin}`)).toBe(200);
  });

  it('takes one token only, whichever of two is right', async () => {
    const right = `Authorization: Bearer ${tokenOf('admin')}`;
    const wrong = `Authorization: Bearer ${tokenOf('none')}`;
    for (const both of [
      [right, wrong],
      [wrong, right],
      [right, right],
      ['Authorization:', right],
    ]) {
      const lines = ['GET /v1/status HTTP/1.1', `Host: ${new URL(url).host}`, ...both];
      expect((await exchange(url, lines)).status).toBe(401);
    }
  });

  it.each([
    '//v1/members',
    '/v1//members',
    '/v1/./members',
    '/v1/keys/../members',
    '/v1/keys/%2e%2e/members',
    '/v1/keys/a/../../members',
    '/v1/members/',
    '/v1/members%2f',
    '/v1/%6dembers',
    '/V1/members',
    '/v1/members;a=b',
    '/v1/members%00',
    '\\v1\\members',
    'http://127.0.0.1/v1/members',
    '*',
  ])('knows one path for each thing, and not %s', async (path) => {
    for (const role of ['write', 'admin']) {
      const status = await call('POST', path, `Bearer ${tokenOf(role)}`, '{}');
      // No path at all, none for what is posted, or no request.
      expect([400, 404, 405]).toContain(status);
    }
    expect(Object.keys((await cluster.leader()).raft.clusterInfo().members)).toHaveLength(1);
  });

  it.each(['%2e%2e%2fmembers', '..%2F..%2Fv1%2Fmembers', 'members%2f2%2fpromote', '%2e'])(
    'takes the key %s for a key, whatever a proxy in front makes of it',
    async (key) => {
      const before = (await cluster.leader()).raft.clusterInfo();
      expect(await call('PUT', `/v1/keys/${key}`, `Bearer ${tokenOf('write')}`, 'a')).toBe(200);
      expect(await call('GET', `/v1/keys/${key}`, `Bearer ${tokenOf('read')}`)).toBe(200);
      expect(await call('DELETE', `/v1/keys/${key}`, `Bearer ${tokenOf('write')}`)).toBe(200);
      expect((await cluster.leader()).raft.clusterInfo()).toEqual(before);
    },
  );

  it.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', '_method'])(
    'does what the method says, and not the header %s',
    async (name) => {
      const lines = ['GET /v1/members HTTP/1.1', `Host: ${new URL(url).host}`];
      const token = `Authorization: Bearer ${tokenOf('read')}`;
      const seen = await exchange(
        url,
        [...lines, token, `${name}: POST`, 'Content-Length: 2'],
        '{}',
      );
      expect(seen.status).toBe(200);
    },
  );

  it('counts a body that comes in chunks, whatever else is said of its length', async () => {
    const lines = ['PUT /v1/keys/a HTTP/1.1', `Host: ${new URL(url).host}`, 'babuza-request: 1'];
    const token = `Authorization: Bearer ${tokenOf('write')}`;
    const chunked = 'Transfer-Encoding: chunked';
    const body = '2\r\nhi\r\n0\r\n\r\n';
    expect((await exchange(url, [...lines, token, chunked], body)).status).toBe(200);
    for (const twice of [
      [chunked, 'Content-Length: 2'],
      ['Content-Length: 2', 'Content-Length: 3'],
      ['Transfer-Encoding: chunked, identity'],
    ]) {
      expect((await exchange(url, [...lines, token, ...twice], body)).status).toBe(400);
    }
  });

  it('refuses web pages also where they know a token', async () => {
    const headers = { authorization: `Bearer ${tokenOf('admin')}`, 'babuza-request': '1' };
    const page = { origin: 'http://evil.example', site: 'cross-site' } as const;
    const request = { method: 'DELETE', path: '/v1/keys/a', headers };
    expect((await send(url, page, request)).status).toBe(403);
  });

  it('serves a client that has one, and lets a member announce itself', async () => {
    await using writer = new KeyValueClient({ nodes: [url], token: tokenOf('write') });
    await writer.put('a', bytesOf('b'));
    expect(textOf(await writer.get('a'))).toBe('b');
    const refused = writer.cluster.updateMember(1n, { api: 'http://127.0.0.1:1' });
    await expect(refused).rejects.toMatchObject({ code: 'KEY_VALUE_REFUSED' });
    await using nobody = new KeyValueClient({ nodes: [url] });
    const error = await nobody.get('a').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'KEY_VALUE_REFUSED', outcome: 'not-applied' });
    const { raft, api } = await cluster.leader();
    await announceApi(raft, api.url, { token: tokenOf('admin') });
    expect(() => new KeyValueClient({ nodes: [url], token: 'a\r\nb' })).toThrow('characters');
  });

  it('is not made with tokens that are none, and does not say them', async () => {
    const { raft } = await cluster.leader();
    const good = tokenOf('read');
    const wrong: readonly (readonly ApiToken[])[] = [
      [],
      [{ token: 'secret-and-short', role: 'read' }],
      [{ token: `secret ${'x'.repeat(40)}`, role: 'read' }],
      [{ token: 's'.repeat(513), role: 'read' }],
      [
        { token: good, role: 'read' },
        { token: good, role: 'admin' },
      ],
      [{ token: good, role: 'root' as 'admin' }],
    ];
    for (const each of wrong) {
      const error = await serveKeyValueApi({ raft, tokens: each }).catch(
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(TypeError);
      expect(String(error)).not.toMatch(/secret|xxx|sss/);
    }
  });
});

describe('an answer of the API', () => {
  it('never names a file of the node', async () => {
    await using cluster = await TestCluster.start(1);
    const { raft } = await cluster.leader();
    const secrets = [
      'open /var/lib/babuza data/wal/0001.wal: EIO',
      'WAL_POISONED: write C:\\data\\wal: io',
      'at ../data/wal',
      "the log in '/srv/data' is damaged",
    ];
    for (const secret of secrets) {
      const throwing: Partial<KeyValueRaft> = {
        propose: () => Promise.reject(new RaftError('RAFT_STOPPED', secret)),
        readiness: () => ({ ready: false, reason: secret }),
        registerSession: () => Promise.reject(Object.assign(new Error(secret), { code: 'WAL_X' })),
        manualSnapshot: () => Promise.reject(new Error(secret)),
      };
      const failing = new Proxy(raft, {
        get: (target, name) => {
          const own: unknown = Reflect.get(throwing, name) ?? Reflect.get(target, name, target);
          return typeof own === 'function' ? own.bind(target) : own;
        },
      });
      await using api = await serveKeyValueApi({ raft: failing });
      const headers = { 'babuza-request': '1' };
      const page = { origin: undefined, site: undefined };
      for (const [method, path] of [
        ['PUT', '/v1/keys/a'],
        ['POST', '/v1/sessions'],
        ['POST', '/v1/snapshots'],
        ['GET', '/ready'],
        ['GET', '/v1/status'],
      ] as const) {
        const { body } = await send(api.url, page, { method, path, headers, body: '' });
        expect(body, path).not.toMatch(/data|srv|0001/);
      }
    }
  });

  it('keeps a text that names none', async () => {
    await using cluster = await TestCluster.start(1);
    const { raft, api } = await cluster.leader();
    await eventually('a leader', () => raft.leader());
    const seen = await exchange(api.url, ['DELETE /v1/members/77 HTTP/1.1', 'babuza-request: 1']);
    expect(JSON.parse(seen.body).message).toContain('77');
  });
});
