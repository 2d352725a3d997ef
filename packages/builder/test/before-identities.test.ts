/**
 * Directories that were written before clusters had identities. `fixtures/before-identities.json`
 * holds the files of three members by that release: four proposals, and a snapshot at member 2.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { peersOf, Site, type Process } from './operators/site.ts';

const fixture = fileURLToPath(new URL('fixtures/before-identities.json', import.meta.url));
const three = [1n, 2n, 3n] as const;
const peers = peersOf(...three);
const before = ['old0', 'old1', 'old2', 'old3'];

let site: Site;

beforeEach(() => {
  site = new Site();
  const files: Record<string, string> = JSON.parse(readFileSync(fixture, 'utf8'));
  for (const [place, content] of Object.entries(files)) {
    const [disk = '', path = ''] = place.split(':');
    site.putFile(disk, `/data/${path}`, gunzipSync(Buffer.from(content, 'base64')));
  }
});

afterEach(async () => {
  await site.close();
});

function adoptAll(): Promise<Process[]> {
  return site.startAll([...three], { options: { adoptIdentity: true } });
}

describe('a member of an earlier release', () => {
  it('does not start before an operator vouches for its log, and nothing is changed', async () => {
    const contents = site.disk('1').surgery.contents('/data/wal/0000000000000001-769c2cfc.wal');
    const start = site.start(1n, { peers });
    await expect(start).rejects.toMatchObject({ code: 'RAFT_IDENTITY_UNKNOWN' });
    await expect(site.start(1n)).rejects.toThrow(/adoptIdentity/);
    const after = site.disk('1').surgery.contents('/data/wal/0000000000000001-769c2cfc.wal');
    expect(Buffer.compare(after, contents)).toBe(0);
  });

  it('goes on with all that it had, with one identity, and starts by itself from then on', async () => {
    const nodes = await adoptAll();
    const leader = await site.leader();
    await site.propose(leader, 'new');
    await site.pass(1000);
    for (const { machine } of nodes) expect(machine.texts).toEqual([...before, 'new']);
    const { identity } = leader.raft.clusterInfo();
    expect(identity).toMatchObject({ origin: expect.any(String), birth: expect.any(String) });
    await site.stop(...nodes);
    const again = await site.startAll([...three]);
    await site.propose(await site.leader(), 'later');
    await site.pass(1000);
    for (const { raft, machine } of again) {
      expect(machine.texts).toEqual([...before, 'new', 'later']);
      expect(raft.clusterInfo().identity).toEqual(identity);
    }
  });

  it('may be adopted later than the others', async () => {
    const options = { adoptIdentity: true };
    await site.start(1n, { peers, options });
    await site.start(2n, { peers, options });
    await site.propose(await site.leader(), 'new');
    await site.pass(20_000);
    const late = await site.start(3n, { peers, options });
    await site.pass(2000);
    expect(late.machine.texts).toEqual([...before, 'new']);
  });

  it('is known by its log from then on: a wiped one is refused', async () => {
    const nodes = await adoptAll();
    await site.propose(await site.leader(), 'new');
    await site.pass(1000);
    await site.stop(...nodes);
    site.wipe('3');
    const [one, two] = [await site.start(1n, { peers }), await site.start(2n, { peers })];
    const wiped = await site.start(3n, { peers });
    await site.leader([one, two]);
    await site.pass(3000);
    expect(wiped.machine.texts).toEqual([]);
    expect(wiped.raft.readiness()).toMatchObject({ ready: false });
  });

  it('whose log was put back beside the record that it has by now is refused', async () => {
    const nodes = await adoptAll();
    await site.propose(await site.leader(), 'new');
    await site.pass(1000);
    await site.stop(...nodes);
    const { surgery } = site.disk('1');
    const files: Record<string, string> = JSON.parse(readFileSync(fixture, 'utf8'));
    const record = surgery.contents('/data/wal/IDENTITY');
    site.wipe('1');
    for (const [place, content] of Object.entries(files)) {
      if (!place.startsWith('1:')) continue;
      site.putFile('1', `/data/${place.slice(2)}`, gunzipSync(Buffer.from(content, 'base64')));
    }
    site.putFile('1', '/data/wal/IDENTITY', record);
    await expect(site.start(1n)).rejects.toMatchObject({ code: 'RAFT_LOG_OLDER' });
  });
});
