/** What a run is asked to do. */
import type { SearchLimits } from '../common/documents.ts';

export interface StorySettings extends SearchLimits {
  readonly walType: string;
  /** Where the documents are. */
  readonly inputFolder: string;
  /** How that folder and the choice of files in it are called when they are told. */
  readonly inputName: string;
  readonly wanted: (fileName: string) => boolean;
  /** Where the log is to lie and to stay; without it, it is temporary. */
  readonly keptFolder: string | undefined;
}
