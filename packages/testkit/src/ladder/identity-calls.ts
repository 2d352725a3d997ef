/**
 * Identity records that are written beside other calls, and which of them may be there afterwards.
 */
import { WalError, type GroupOptions, type WalManager } from '@babuza/wal-core';
import { isWorldStopped } from '../simulated-environment.ts';

export class IdentityCalls {
  /** The number of the record that was attempted last. */
  #attempted = 0;
  /** The record that is there has a number from the first of these up to the second. */
  #acknowledged = 0;
  #newest = 0;
  readonly #recordOf: (number: number) => Uint8Array;

  /** A record begins with its number, 32 bits in network order. */
  constructor(recordOf: (number: number) => Uint8Array = identityRecordOf) {
    this.#recordOf = recordOf;
  }

  /**
   * Writes the next record, of group 0 unless another one is named. Returns the error of a log, and
   * throws any other.
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

  /** A record is about to be written: the next one, unless it has another number. */
  attempt(number: number = this.#attempted + 1): number {
    this.#attempted = number;
    this.#newest = this.#attempted;
    return this.#attempted;
  }

  acknowledge(number: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, number);
  }

  /** The record was found by an opening, when no write was under way: it stays. */
  adopt(found: Uint8Array | undefined): void {
    this.#acknowledged = numberOf(found);
    this.#newest = this.#acknowledged;
  }

  /** Violations that the present record shows; none where it is right. */
  judge(found: Uint8Array | undefined): string[] {
    const number = numberOf(found);
    const range = `${this.#acknowledged} to ${this.#newest}`;
    if (number < this.#acknowledged || number > this.#newest) {
      return [`identity record ${number} is there, expected one of ${range}`];
    }
    const isWhole = found === undefined || Buffer.compare(found, this.#recordOf(number)) === 0;
    return isWhole
      ? []
      : [`identity record ${number} has other bytes than those that were written`];
  }
}

/** The number, and bytes that follow from it; lengths within a sector and above it. */
function identityRecordOf(number: number): Uint8Array {
  const record = new Uint8Array(number % 3 === 0 ? 900 : 40).fill(number);
  new DataView(record.buffer).setUint32(0, number);
  return record;
}

/** 0 where there is none. */
function numberOf(found: Uint8Array | undefined): number {
  return found === undefined ? 0 : new DataView(found.buffer, found.byteOffset).getUint32(0);
}
