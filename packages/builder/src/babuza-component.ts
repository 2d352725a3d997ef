/** What a builder builds: the parts of a node, and one way to close them all. */
import type { WalManager } from '@babuza/wal-core';
import type { CheckedConfig } from './config.ts';

export class BabuzaComponent implements AsyncDisposable {
  readonly clusterId: bigint;
  readonly nodeId: bigint | undefined;
  /** Absolute. */
  readonly storageRootDir: string;
  /** The place that holds the logs. */
  readonly walManager: WalManager;
  #closing: Promise<void> | undefined;

  /** For the builder. */
  constructor(config: CheckedConfig, walManager: WalManager) {
    this.clusterId = config.clusterId;
    this.nodeId = config.nodeId;
    this.storageRootDir = config.storageRootDir;
    this.walManager = walManager;
  }

  /** Closes all parts, those that depend on others first. A second call returns the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.walManager.close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
