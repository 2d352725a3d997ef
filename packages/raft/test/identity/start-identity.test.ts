/**
 * The order of the writes of a start before the node sends anything, and what the next start finds.
 */
import { SeededRandom, SimulatedClock } from '@babuza/testkit';
import { emptyHardState } from '@babuza/raftpb';
import { beforeEach, describe, expect, it } from 'vitest';
import { defaultBabuzaConfig } from '../../src/index.ts';
import {
  renewedIdentity,
  unknownIdentity,
  type ClusterIdentity,
} from '../../src/identity/cluster-identity.ts';
import { randomIdentity } from '../../src/identity/hex.ts';
import {
  decodeIdentityRecord,
  encodeIdentityRecord,
  type IdentityRecord,
} from '../../src/identity/identity-record.ts';
import { encodeLogIdentity } from '../../src/identity/log-identity.ts';
import { decodeSnapshotOwner } from '../../src/identity/snapshot-owner.ts';
import { startIdentity, type StartIdentityOptions } from '../../src/identity/start-identity.ts';

const random = new SeededRandom(1);
const [logId, origin, birth] = ['1'.repeat(32), 'a'.repeat(32), 'b'.repeat(32)];
const cluster: ClusterIdentity = { ...unknownIdentity, origin, birth };

/** The record beside the log, the one beside the snapshots, and the order of the writes. */
let record: Uint8Array | undefined;
let owner: Uint8Array | undefined;
let written: string[];
let failing: string | undefined;

function recordOf(change: Partial<IdentityRecord> = {}): Uint8Array {
  const members = new Map();
  const whole = { logId, cluster, startCount: 4, committedIndex: 7, members, ...change };
  return encodeIdentityRecord(whole);
}

beforeEach(() => {
  [record, owner, written, failing] = [recordOf(), undefined, [], undefined];
});

async function start(lastIndex: number, change: Partial<StartIdentityOptions> = {}): Promise<void> {
  const write = async (what: string, keep: () => void): Promise<void> => {
    if (failing === what) throw new Error(`the disk fails for the ${what}`);
    keep();
    written.push(what);
  };
  const component = {
    clock: new SimulatedClock(),
    random,
    walManager: {
      readIdentity: async () => record,
      writeIdentity: (bytes: Uint8Array) => write('log', () => void (record = bytes)),
    },
    snapshotManager: {
      writeIdentity: (bytes: Uint8Array) => write('snapshots', () => void (owner = bytes)),
    },
  };
  const opened = {
    hardState: emptyHardState,
    metadata: { identity: encodeLogIdentity({ logId, origin }) },
    storage: { lastIndex: () => lastIndex, firstIndex: () => 1 },
  };
  await startIdentity({
    config: defaultBabuzaConfig(1, 1, 'address-1'),
    component: component as never,
    opened: opened as never,
    logger: undefined,
    isNew: false,
    owner: owner === undefined ? undefined : decodeSnapshotOwner(owner),
    machineLogId: undefined,
    machineAppliedIndex: 0,
    newestMarkerIndex: 5,
    adopts: false,
    clusterToken: undefined,
    isRecovery: false,
    discardsTail: false,
    snapshotIdentity: cluster,
    ...change,
  });
}

const now = (): IdentityRecord => decodeIdentityRecord(record ?? new Uint8Array(0));

describe('a start', () => {
  it('is counted beside the log first: a folder that knows more shows an older log', async () => {
    await start(10);
    expect([written, now().startCount]).toEqual([['log', 'snapshots'], 5]);
    expect(decodeSnapshotOwner(owner ?? new Uint8Array(0))).toEqual({
      logId,
      startCount: 5,
      recordedIndex: 5,
      committedIndex: 7,
    });
  });

  it.each(['log', 'snapshots'])(
    'that fails at the record of the %s can be made again',
    async (at) => {
      await start(10);
      failing = at;
      await expect(start(10)).rejects.toThrow(`the disk fails for the ${at}`);
      failing = undefined;
      await start(10);
      expect(now().startCount).toBe(at === 'log' ? 6 : 7);
    },
  );

  it('of a log that ends before what was committed is refused, and nothing is written', async () => {
    await expect(start(6)).rejects.toMatchObject({ code: 'RAFT_LOG_OLDER' });
    expect(written).toEqual([]);
  });

  it('that drops such an end on purpose is followed by others', async () => {
    await start(6, { discardsTail: true, isRecovery: true });
    expect(now().committedIndex).toBe(6);
    await start(6);
    expect(now().startCount).toBe(6);
  });

  it('goes on with the identity of a recovery that is in the log, and not in the record', async () => {
    const renewed = renewedIdentity(cluster, randomIdentity(random));
    await start(10, { snapshotIdentity: renewed });
    expect(now().cluster).toEqual(renewed);
  });
});
