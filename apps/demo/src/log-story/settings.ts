/** The settings of a run. */
import type { SearchLimits } from '../common/documents.ts';

export interface StorySettings extends SearchLimits {
  readonly walType: string;
  /** The folder of the documents. */
  readonly inputFolder: string;
  /** How that folder and the choice of files in it are called when they are told. */
  readonly inputName: string;
  readonly wanted: (fileName: string) => boolean;
  /** The folder that keeps the log. A temporary folder is used when it is `undefined`. */
  readonly keptFolder: string | undefined;
}
