/** The settings of the stories that run a cluster. */
import type { SearchLimits } from '../common/documents.ts';

export interface ClusterSettings {
  /** The number of node processes at the start. */
  readonly nodes: number;
  /** The log types, which the nodes take in turn. */
  readonly walTypes: readonly string[];
  /** The folder that keeps all files. A temporary folder is used when it is `undefined`. */
  readonly keptFolder: string | undefined;
}

export interface ClusterStorySettings extends ClusterSettings, SearchLimits {
  /** Keeps the cluster running at the end, with a prompt. */
  readonly serves: boolean;
  /** The number of clients that write documents. */
  readonly clients: number;
  readonly inputFolder: string;
  /** The text that describes the folder and the choice of files to the user. */
  readonly inputName: string;
  readonly wanted: (fileName: string) => boolean;
}
