/** The identity record of a log, in the form that the tests of identity records need. */
import { CorruptError, WalError } from '@babuza/wal-core';
import { openLog, type BackEnd } from './back-end.ts';
import type { IdentityStorage } from './identity-records.ts';

const expectedCodes: ReadonlySet<string> = new Set([
  'WAL_WRITE_FAILED',
  'WAL_TRY_AGAIN',
  'WAL_READ_FAILED',
  'WAL_POISONED',
  'WAL_NO_SPACE',
]);

/** The record beside the log of group 0, for back ends in files. */
export function identityOfLog(backEnd: BackEnd): IdentityStorage {
  return {
    file: `${backEnd.directory}/IDENTITY`,
    async open(environment) {
      const manager = backEnd.open(environment);
      let next = 1;
      let save: (() => Promise<void>) | undefined;
      try {
        const { wal, storage } = await openLog(manager);
        next = storage.lastIndex() + 1;
        save = async () => {
          await wal.save({ entries: [{ index: next, term: 1, type: 0 }] });
          next += 1;
        };
      } catch (error) {
        // A format that cannot tell every crash from damage refuses some logs. Their records can be
        // read nevertheless.
        if (!(error instanceof CorruptError) || backEnd.afterRefusal === undefined) {
          await manager.close().catch(() => undefined);
          throw error;
        }
      }
      return {
        write: (record) => manager.writeIdentity(record),
        read: () => manager.readIdentity(),
        work: async () => save?.(),
        close: () => manager.close(),
      };
    },
    isExpected: (error) => error instanceof WalError && expectedCodes.has(error.code),
  };
}
