/**
 * How names of hosts are resolved: the sources, their order, and the threads that a hanging look-up
 * holds.
 */
import fs from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SimulatedClock, turnOfEventLoop } from '../../testkit/src/simulated-clock.ts';
import { DnsNames, type AddressResolver } from '../src/names/dns-names.ts';
import type { HostAddress } from '../src/names/host-names.ts';
import { HostsFile, OtherSources, SearchDomains } from '../src/names/local-files.ts';
import { MachineNames } from '../src/names/node-names.ts';
import { SystemNames, systemLookUpsMax } from '../src/names/system-names.ts';

let clock: SimulatedClock;
let directory: string;
beforeEach(async () => {
  clock = new SimulatedClock();
  directory = await mkdtemp(join(tmpdir(), 'babuza-names-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(directory, { recursive: true });
});

const never = new Promise<never>(() => undefined);
const { signal } = new AbortController();
const v4 = (address: string): HostAddress => ({ address, family: 4 });
const v6 = (address: string): HostAddress => ({ address, family: 6 });
const failure = (code: string): Error => Object.assign(new Error(`${code} of a name`), { code });

async function fileOf(text: string): Promise<string> {
  const path = join(directory, 'file');
  await writeFile(path, text);
  return path;
}

describe('the hosts file', () => {
  it.each([
    ['a name', 'node-1', [v4('10.0.0.1')]],
    ['a further name of the line, in capitals', 'ALIAS', [v4('10.0.0.1')]],
    ['a name with a dot at its end', 'node-1.', [v4('10.0.0.1')]],
    ['a name with addresses of two families', 'both', [v6('fe80::1'), v4('10.0.0.2')]],
    ['a name that is written twice in a line', 'twice', [v4('10.0.0.3')]],
    ['a name in a comment', 'comment', []],
    ['a name of a line without an address', 'nowhere', []],
    ['a word that every object has', 'constructor', []],
  ])('has the addresses of %s', async (_, name, expected) => {
    const lines = [
      '# comment',
      '10.0.0.1\tnode-1   alias # comment',
      'fe80::1 both',
      '10.0.0.2 both',
      '10.0.0.3 twice twice',
      'x.y nowhere',
    ];
    const hosts = new HostsFile(await fileOf(lines.join('\r\n')));
    expect(hosts.addressesOf(name)).toEqual(expected);
  });

  it.each(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR'])(
    'keeps its content while a shortage prevents reading it (%s)',
    async (code) => {
      const path = await fileOf('10.0.0.1 a-name');
      const hosts = new HostsFile(path);
      expect(hosts.addressesOf('a-name')).toEqual([v4('10.0.0.1')]);
      await writeFile(path, '10.0.0.22 a-name');
      const read = vi.spyOn(fs, 'readFileSync').mockImplementation(() => {
        throw failure(code);
      });
      expect(hosts.addressesOf('a-name')).toEqual([v4('10.0.0.1')]);
      read.mockRestore();
      expect(hosts.addressesOf('a-name')).toEqual([v4('10.0.0.22')]);
    },
  );

  it('is read again after it has changed, and is empty while it is missing', async () => {
    const path = await fileOf('10.0.0.1 node-1\n');
    const hosts = new HostsFile(path);
    expect(hosts.addressesOf('node-1')).toEqual([v4('10.0.0.1')]);
    await writeFile(path, '10.0.0.22 node-1\n');
    expect(hosts.addressesOf('node-1')).toEqual([v4('10.0.0.22')]);
    await rm(path);
    expect(hosts.addressesOf('node-1')).toEqual([]);
  });
});

describe('the search domains', () => {
  it.each([
    ['nothing', '', 'a', ['a']],
    ['domains, and a name without a dot', 'search x.y z', 'a', ['a.x.y', 'a.z', 'a']],
    ['domains, and a name with a dot', 'search x.y z', 'a.b', ['a.b', 'a.b.x.y', 'a.b.z']],
    ['a number of dots', 'search x.\noptions ndots:5', 'a.b', ['a.b.x', 'a.b']],
    [
      'a number of dots that is reached',
      'search x\noptions rotate ndots:1',
      'a.b',
      ['a.b', 'a.b.x'],
    ],
    ['a full name', 'search x', 'a.b.', ['a.b.']],
    ['two lines, of which the last counts', 'search x\ndomain y z', 'a', ['a.y', 'a']],
    ['a comment', '# search x\n;domain y', 'a', ['a']],
    ['an empty line of domains', 'search  . ', 'a', ['a']],
  ])('with %s', async (_, text, name, expected) => {
    expect(new SearchDomains(await fileOf(text)).candidatesOf(name)).toEqual(expected);
  });
});

describe('whether the system has other sources of names', () => {
  it.each([
    ['no line for hosts', 'passwd: ldap', false],
    ['files and name servers', 'hosts:\tfiles dns myhostname # mdns', false],
    ['multicast names', 'hosts: files mdns4_minimal [NOTFOUND=return] dns', true],
    ['an action only', 'hosts: files [!UNAVAIL=return] dns', false],
    ['a directory service', '# hosts: files\nhosts: files ldap', true],
  ])('with %s: %s', async (_, text, expected) => {
    const path = await fileOf(text);
    expect(new OtherSources(path, 'linux').exist).toBe(expected);
    expect(new OtherSources(path, 'darwin').exist).toBe(true);
  });
});

describe('a look-up with the name servers', () => {
  const asked: string[] = [];
  let isCancelled = false;
  beforeEach(() => {
    asked.length = 0;
    isCancelled = false;
  });

  async function namesWith(
    answers: Record<string, string[] | Error | Promise<string[]>>,
  ): Promise<DnsNames> {
    let cancel: (() => void) | undefined;
    const cancelled = new Promise<never>((_, reject) => {
      cancel = () => reject(failure('ECANCELLED'));
    });
    cancelled.catch(() => undefined);
    const ask = async (query: string): Promise<string[]> => {
      asked.push(query);
      const answer = answers[query] ?? failure('ENOTFOUND');
      if (answer instanceof Error) throw answer;
      return Promise.race([answer, cancelled]);
    };
    const resolver: AddressResolver = {
      resolve4: (name) => ask(`A ${name}`),
      resolve6: (name) => ask(`AAAA ${name}`),
      cancel: () => {
        isCancelled = true;
        cancel?.();
      },
    };
    const search = new SearchDomains(await fileOf('search one two'));
    return new DnsNames(clock, search, () => resolver);
  }

  it('finds addresses of both families, IPv4 first', async () => {
    const names = await namesWith({ 'A a.one': ['10.0.0.1'], 'AAAA a.one': ['::1', '::2'] });
    expect(await names.lookUp('a', signal)).toEqual([v4('10.0.0.1'), v6('::1'), v6('::2')]);
    expect(isCancelled).toBe(true);
  });

  it('asks for the next candidate if one is unknown', async () => {
    const names = await namesWith({ 'A a.one': failure('ENODATA'), 'AAAA a.two': ['::1'] });
    expect(await names.lookUp('a', signal)).toEqual([v6('::1')]);
    expect(asked).toEqual(['A a.one', 'AAAA a.one', 'A a.two', 'AAAA a.two']);
  });

  it('ends if a server does not answer, and reports that rather than an unknown name', async () => {
    const names = await namesWith({ 'AAAA a.one': failure('ETIMEOUT') });
    await expect(names.lookUp('a', signal)).rejects.toMatchObject({ code: 'ETIMEOUT' });
    expect(asked).toEqual(['A a.one', 'AAAA a.one']);
  });

  it('fails if no candidate is known', async () => {
    const names = await namesWith({});
    await expect(names.lookUp('a', signal)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(asked).toHaveLength(6);
  });

  it('waits 50 ms for the other family', async () => {
    const names = await namesWith({ 'A a.one': ['10.0.0.1'], 'AAAA a.one': never });
    let found: unknown;
    const looking = names.lookUp('a', signal).then((addresses) => (found = addresses));
    await clock.advance(49);
    expect(found).toBeUndefined();
    await clock.advance(1);
    await looking;
    expect(found).toEqual([v4('10.0.0.1')]);
    expect([isCancelled, clock.pendingCount]).toEqual([true, 0]);
  });

  it('is cancelled with its signal', async () => {
    const ending = new AbortController();
    const names = await namesWith({ 'A a.one': never, 'AAAA a.one': never });
    const looking = names.lookUp('a', ending.signal);
    ending.abort(new Error('enough'));
    await expect(looking).rejects.toThrow('enough');
    expect(isCancelled).toBe(true);
    await expect(names.lookUp('a', ending.signal)).rejects.toThrow('enough');
  });
});

describe('the number of look-ups with the system at a time', () => {
  it.each([
    [undefined, 2],
    ['4', 2],
    ['1', 0],
    ['2', 1],
    ['3', 1],
    ['5', 2],
    ['128', 64],
    ['0', 0],
    ['-3', 0],
    ['', 0],
    ['many', 0],
    ['8 threads', 4],
    ['100000', 512],
  ])('UV_THREADPOOL_SIZE=%s: %s', (given, expected) => {
    expect(systemLookUpsMax(given === undefined ? {} : { UV_THREADPOOL_SIZE: given })).toBe(
      expected,
    );
  });

  it('follows from the size of the pool, and with one thread the system is never asked', async () => {
    const names = new SystemNames(clock, 0, () => never);
    await expect(names.lookUp('a', signal)).rejects.toThrow('UV_THREADPOOL_SIZE');
  });
});

/** Look-ups that the test ends. */
class Asked {
  readonly log: string[] = [];
  readonly #ends = new Map<string, (error?: Error) => void>();

  readonly ask = (name: string): Promise<HostAddress[]> => {
    this.log.push(name);
    return new Promise((resolve, reject) => {
      this.#ends.set(name, (error) => (error === undefined ? resolve([v4(name)]) : reject(error)));
    });
  };

  async end(name: string, error?: Error): Promise<void> {
    this.#ends.get(name)?.(error);
    await turnOfEventLoop();
  }
}

describe('a look-up with the system', () => {
  it('waits for its turn, in order, and is shared by all callers with the same name', async () => {
    const asked = new Asked();
    const names = new SystemNames(clock, 2, asked.ask);
    const looking = ['1', '2', '3', '1', '4', '3'].map((name) => names.lookUp(name, signal));
    await turnOfEventLoop();
    expect(asked.log).toEqual(['1', '2']);
    await asked.end('2');
    expect(asked.log).toEqual(['1', '2', '3']);
    for (const name of ['3', '4', '1']) await asked.end(name);
    const found = await Promise.all(looking);
    expect(found.flat().map(({ address }) => address)).toEqual(['1', '2', '3', '1', '4', '3']);
    expect(asked.log).toEqual(['1', '2', '3', '4']);
  });

  it('is not made for aborted callers, and keeps its thread if it is already running', async () => {
    const asked = new Asked();
    const names = new SystemNames(clock, 1, asked.ask);
    const ending = new AbortController();
    const left = ['1', '2'].map((name) => names.lookUp(name, ending.signal));
    const stays = names.lookUp('3', signal);
    ending.abort(new Error('enough'));
    for (const each of left) await expect(each).rejects.toThrow('enough');
    expect(asked.log).toEqual(['1']);
    await asked.end('1', failure('EAI_AGAIN'));
    expect(asked.log).toEqual(['1', '3']);
    await asked.end('3');
    expect(await stays).toEqual([v4('3')]);
  });

  it('is not repeated soon after one that failed slowly, and at once after a quick one', async () => {
    const asked = new Asked();
    const names = new SystemNames(clock, 1, asked.ask);
    const failed = async (afterMs: number) => {
      const looking = expect(names.lookUp('1', signal)).rejects.toThrow('EAI_AGAIN');
      await clock.advance(afterMs);
      await asked.end('1', failure('EAI_AGAIN'));
      await looking;
    };
    await failed(0);
    await failed(10_000);
    expect(asked.log).toHaveLength(2);
    await clock.advance(29_999);
    await failed(0);
    expect(asked.log).toHaveLength(2);
    await clock.advance(1);
    const looking = names.lookUp('1', signal);
    await asked.end('1');
    expect(await looking).toEqual([v4('1')]);
  });
});

describe('a look-up with the machine', () => {
  const dns = new Map<string, HostAddress[] | Error>();
  const hosts = new Map<string, HostAddress[]>();
  let asked: Asked;
  let names: MachineNames;
  const others = { exist: true };
  beforeEach(() => {
    others.exist = true;
    dns.clear();
    hosts.clear();
    asked = new Asked();
    names = new MachineNames(clock, {
      hosts: { addressesOf: (name) => hosts.get(name) ?? [] },
      dns: {
        lookUp: async (name) => {
          const answer = dns.get(name) ?? never;
          if (answer instanceof Error) throw answer;
          return answer;
        },
      },
      system: new SystemNames(clock, 2, asked.ask),
      others,
    });
  });

  it('needs no thread of the pool if the hosts file or a name server knows the name', async () => {
    hosts.set('1', [v4('10.0.0.1')]);
    dns.set('2', [v4('10.0.0.2')]);
    expect(await names.lookUp('1', signal)).toEqual([v4('10.0.0.1')]);
    expect(await names.lookUp('2', signal)).toEqual([v4('10.0.0.2')]);
    await clock.advance(1000);
    expect([asked.log, clock.pendingCount]).toEqual([[], 0]);
  });

  it('finds names at once while names that hang hold every thread that look-ups may hold', async () => {
    const ending = new AbortController();
    const dead = [1, 2, 3, 4, 5, 6].map((id) => names.lookUp(`dead-${id}`, ending.signal));
    await clock.advance(5000);
    expect(asked.log).toHaveLength(2);
    hosts.set('1', [v4('10.0.0.1')]);
    dns.set('2', [v4('10.0.0.2')]);
    expect(await names.lookUp('1', signal)).toEqual([v4('10.0.0.1')]);
    expect(await names.lookUp('2', signal)).toEqual([v4('10.0.0.2')]);
    ending.abort(new Error('enough'));
    for (const each of dead) await expect(each).rejects.toThrow('enough');
    expect(asked.log).toHaveLength(2);
  });

  it('asks the system if no name server knows the name', async () => {
    dns.set('1', failure('ENOTFOUND'));
    const looking = names.lookUp('1', signal);
    await turnOfEventLoop();
    await asked.end('1');
    expect(await looking).toEqual([v4('1')]);
    expect(clock.pendingCount).toBe(0);
  });

  it('also asks the system if the name servers are late', async () => {
    const looking = names.lookUp('1', signal);
    await clock.advance(499);
    expect(asked.log).toEqual([]);
    await clock.advance(1);
    await asked.end('1');
    expect(await looking).toEqual([v4('1')]);
  });

  it('does not ask a system without other sources while the name servers do not answer', async () => {
    others.exist = false;
    const ending = new AbortController();
    const hanging = expect(names.lookUp('1', ending.signal)).rejects.toThrow('enough');
    dns.set('2', failure('ETIMEOUT'));
    await expect(names.lookUp('2', signal)).rejects.toMatchObject({ code: 'NAME_UNRESOLVED' });
    await clock.advance(10_000);
    expect(asked.log).toEqual([]);
    ending.abort(new Error('enough'));
    await hanging;
  });

  it.each(['ENOTFOUND', 'ESERVFAIL', 'ECONNREFUSED'])(
    'asks a system without other sources after %s',
    async (code) => {
      others.exist = false;
      dns.set('1', failure(code));
      const looking = names.lookUp('1', signal);
      await turnOfEventLoop();
      await asked.end('1');
      expect(await looking).toEqual([v4('1')]);
    },
  );

  it('reports why each source has failed', async () => {
    dns.set('1', failure('ETIMEOUT'));
    const looking = expect(names.lookUp('1', signal)).rejects.toMatchObject({
      code: 'NAME_UNRESOLVED',
      message: expect.stringMatching(/'1' cannot be resolved: ETIMEOUT.*EAI_AGAIN.*hosts file/),
      cause: expect.any(AggregateError),
    });
    await turnOfEventLoop();
    await asked.end('1', failure('EAI_AGAIN'));
    await looking;
  });
});
