/**
 * Identity records that are written beside other calls, and which of them may be there afterwards.
 */
import { WalError, type WalManager } from '@babuza/wal-core';
import { isWorldStopped } from '../simulated-environment.ts';

export class IdentityCalls {
  /**
   * The number of the record that was acknowledged last, and of the one that was attempted last.
   */
  #acknowledged = 0;
  #attempted = 0;

  /** Writes the next record. Returns the error of a log, and throws any other. */
  async write(manager: WalManager): Promise<WalError | undefined> {
    this.#attempted += 1;
    const number = this.#attempted;
    try {
      await manager.writeIdentity(recordOf(number));
      this.#acknowledged = Math.max(this.#acknowledged, number);
      return undefined;
    } catch (error) {
      if (isWorldStopped(error) || !(error instanceof WalError)) throw error;
      return error;
    }
  }

  /** Violations that the present record shows; none where it is right. */
  judge(found: Uint8Array | undefined): string[] {
    const number =
      found === undefined ? 0 : new DataView(found.buffer, found.byteOffset).getUint32(0);
    const range = `${this.#acknowledged} to ${this.#attempted}`;
    if (number < this.#acknowledged || number > this.#attempted) {
      return [`identity record ${number} is there, expected one of ${range}`];
    }
    const isWhole = found === undefined || Buffer.compare(found, recordOf(number)) === 0;
    return isWhole
      ? []
      : [`identity record ${number} has other bytes than those that were written`];
  }
}

/** The number, and bytes that follow from it; lengths within a sector and above it. */
function recordOf(number: number): Uint8Array {
  const record = new Uint8Array(number % 3 === 0 ? 900 : 40).fill(number);
  new DataView(record.buffer).setUint32(0, number);
  return record;
}
