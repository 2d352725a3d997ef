/** An error that is put into a source file of the node. */
export interface Mutant {
  readonly name: string;
  /** The path below `packages/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The simulation that finds it. Default: the cluster with faults. */
  readonly simulation?: 'operators';
  /**
   * The first seed, chosen so that the error is found soon; it must be adjusted when changes of the
   * sources alter what the seeds do. Default 1.
   */
  readonly firstSeed?: number;
}
