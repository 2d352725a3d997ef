/**
 * Names of hosts: files that change without another size, bounds, and look-ups whose callers abort.
 */
import { getEventListeners } from 'node:events';
import fs from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedClock, turnOfEventLoop } from '../../testkit/src/simulated-clock.ts';
import { DnsNames, type AddressResolver } from '../src/names/dns-names.ts';
import type { HostAddress } from '../src/names/host-names.ts';
import { HostsFile, SearchDomains } from '../src/names/local-files.ts';
import { MachineNames } from '../src/names/node-names.ts';
import { SystemNames } from '../src/names/system-names.ts';
import { temporaryDirectory } from './helpers.ts';

const v4 = (address: string): HostAddress => ({ address, family: 4 });
const never = new Promise<never>(() => undefined);
const { signal } = new AbortController();

let path: string;
beforeEach(() => {
  path = `${temporaryDirectory()}/file`;
});

/** Writes the file and sets its time to `seconds` after 1970. */
function write(text: string, seconds: number, target = path): void {
  fs.writeFileSync(target, text);
  fs.utimesSync(target, seconds, seconds);
}

describe('a file of names', () => {
  it('is read again when only its time has changed', () => {
    write('10.0.0.1 a', 1000);
    const hosts = new HostsFile(path);
    expect(hosts.addressesOf('a')).toEqual([v4('10.0.0.1')]);
    write('10.0.0.2 a', 1001);
    expect(hosts.addressesOf('a')).toEqual([v4('10.0.0.2')]);
  });

  it('is read again when another one of the same length and time has taken its name', () => {
    write('10.0.0.1 a', 1000);
    const hosts = new HostsFile(path);
    expect(hosts.addressesOf('a')).toEqual([v4('10.0.0.1')]);
    write('10.0.0.2 a', 1000, `${path}.new`);
    fs.renameSync(`${path}.new`, path);
    expect(hosts.addressesOf('a')).toEqual([v4('10.0.0.2')]);
  });

  it('is read again when it was missing for a while and came back unchanged', () => {
    write('10.0.0.1 a', 1000);
    const hosts = new HostsFile(path);
    expect(hosts.addressesOf('a')).toEqual([v4('10.0.0.1')]);
    fs.renameSync(path, `${path}.away`);
    expect(hosts.addressesOf('a')).toEqual([]);
    fs.renameSync(`${path}.away`, path);
    expect(hosts.addressesOf('a')).toEqual([v4('10.0.0.1')]);
  });
});

describe('the search domains', () => {
  it('are those of the last line', () => {
    write('search x\nsearch y z\n', 1000);
    expect(new SearchDomains(path).candidatesOf('a')).toEqual(['a.y', 'a.z', 'a']);
  });

  it.each([
    [14, 15, false],
    [15, 15, true],
    [14, 16, false],
    [15, 16, true],
    [15, 99, true],
  ])('come after a name with %i dots under ndots:%i: %s', (dots, ndots, isFirst) => {
    write(`search x\noptions ndots:${ndots}`, 1000);
    const name = `a${'.b'.repeat(dots)}`;
    const [first] = new SearchDomains(path).candidatesOf(name);
    expect(first).toBe(isFirst ? name : `${name}.x`);
  });
});

describe('a look-up with the name servers', () => {
  it('leaves no listener on the signal of its caller, however it ends', async () => {
    const answers = [async () => ['10.0.0.1'], () => Promise.reject(new Error('no'))];
    const { signal: own } = new AbortController();
    write('', 1000);
    for (const resolve4 of answers) {
      const resolver: AddressResolver = {
        resolve4,
        resolve6: () => Promise.reject(new Error('no')),
        cancel: () => undefined,
      };
      const names = new DnsNames(new SimulatedClock(), new SearchDomains(path), () => resolver);
      await names.lookUp('a', own).catch(() => undefined);
      expect(getEventListeners(own, 'abort')).toEqual([]);
    }
  });
});

describe('a look-up with the system', () => {
  it('is made for a later caller when all callers before were aborted', async () => {
    const asked: string[] = [];
    const ends: (() => void)[] = [];
    const names = new SystemNames(new SimulatedClock(), 1, (name) => {
      asked.push(name);
      return new Promise((resolve) => ends.push(() => resolve([v4(name)])));
    });
    const leaving = new AbortController();
    const first = names.lookUp('1', signal);
    const left = names.lookUp('2', leaving.signal);
    leaving.abort(new Error('enough'));
    await expect(left).rejects.toThrow('enough');
    ends[0]?.();
    await first;
    await turnOfEventLoop();
    expect(asked).toEqual(['1']);
    const again = names.lookUp('2', signal);
    await turnOfEventLoop();
    expect(asked).toEqual(['1', '2']);
    ends[1]?.();
    expect(await again).toEqual([v4('2')]);
  });
});

describe('a look-up with the machine', () => {
  const asked: string[] = [];
  const namesWith = (known: readonly HostAddress[]): MachineNames =>
    new MachineNames(new SimulatedClock(), {
      hosts: { addressesOf: () => known },
      dns: {
        lookUp: (name) => {
          asked.push(name);
          return never;
        },
      },
      system: { lookUp: () => never },
      others: { exist: false },
    });

  it('rejects with the reason of the signal itself', async () => {
    const ending = new AbortController();
    const reason = new Error('enough');
    const looking = namesWith([]).lookUp('a', ending.signal);
    ending.abort(reason);
    await expect(looking).rejects.toBe(reason);
  });

  it('asks no source once its signal has fired, even if the answer is known', async () => {
    asked.length = 0;
    const reason = new Error('enough');
    for (const known of [[], [v4('10.0.0.1')]]) {
      const looking = namesWith(known).lookUp('a', AbortSignal.abort(reason));
      await expect(looking).rejects.toBe(reason);
    }
    expect(asked).toEqual([]);
  });
});
