/**
 * Identity records that are written during other calls, and the range of records that may be found
 * afterwards.
 */
import { WalError, type GroupOptions, type WalManager } from '@babuza/wal-core';
import { isWorldStopped } from '../simulated-environment.ts';

export class IdentityCalls {
  /** The number of the record that was attempted last. */
  #attempted = 0;
  /** The record on the disk has a number from `#acknowledged` to `#newest`. */
  #acknowledged = 0;
  #newest = 0;
  readonly #recordOf: (number: number) => Uint8Array;

  /** A record begins with its number: 32 bits, big-endian. */
  constructor(recordOf: (number: number) => Uint8Array = identityRecordOf) {
    this.#recordOf = recordOf;
  }

  /**
   * Writes the next record, of group 0 by default. Returns an error of the log, and throws any
   * other.
   */
  async write(manager: WalManager, group?: GroupOptions): Promise<WalError | undefined> {
    const number = this.attempt();
    try {
      await manager.writeIdentity(this.#recordOf(number), group);
      this.acknowledge(number);
      return undefined;
    } catch (error) {
      if (isWorldStopped(error) || !(error instanceof WalError)) throw error;
      return error;
    }
  }

  /** Notes that a record is about to be written. Default: the next number. */
  attempt(number: number = this.#attempted + 1): number {
    this.#attempted = number;
    this.#newest = this.#attempted;
    return this.#attempted;
  }

  acknowledge(number: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, number);
  }

  /** Notes the record that an opening found while no write was running; that record stays. */
  adopt(found: Uint8Array | undefined): void {
    this.#acknowledged = numberOf(found);
    this.#newest = this.#acknowledged;
  }

  /** The violations that the present record shows; empty if it is right. */
  judge(found: Uint8Array | undefined): string[] {
    const number = numberOf(found);
    const range = `${this.#acknowledged} to ${this.#newest}`;
    if (number < this.#acknowledged || number > this.#newest) {
      return [`identity record ${number} was found, expected one of ${range}`];
    }
    const isWhole = found === undefined || Buffer.compare(found, this.#recordOf(number)) === 0;
    return isWhole ? [] : [`identity record ${number} has bytes that were not written`];
  }
}

/** The number, and bytes derived from it. Lengths lie within a sector and above it. */
function identityRecordOf(number: number): Uint8Array {
  const record = new Uint8Array(number % 3 === 0 ? 900 : 40).fill(number);
  new DataView(record.buffer).setUint32(0, number);
  return record;
}

/** The number of the record; 0 if there is no record. */
function numberOf(found: Uint8Array | undefined): number {
  return found === undefined ? 0 : new DataView(found.buffer, found.byteOffset).getUint32(0);
}
