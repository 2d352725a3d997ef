/** What a run of a story of the cluster is asked to do. */
import type { SearchLimits } from '../common/documents.ts';

export interface ClusterSettings {
  /** Processes at the beginning. */
  readonly nodes: number;
  /** Of all nodes, or one for each, in turn. */
  readonly walTypes: readonly string[];
  /** Where everything is to lie and to stay; without it, it is temporary. */
  readonly keptFolder: string | undefined;
}

export interface ClusterStorySettings extends ClusterSettings, SearchLimits {
  /** Keeps the cluster at the end, with a prompt. */
  readonly serves: boolean;
  /** Clients that write documents. */
  readonly clients: number;
  readonly inputFolder: string;
  /** How that folder and the choice of files in it are called when they are told. */
  readonly inputName: string;
  readonly wanted: (fileName: string) => boolean;
}
