/** An error that is put into a source file of the node. */
export interface Mutant {
  readonly name: string;
  /** Below `packages/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The simulation that finds it. Default: the one of a cluster in a hostile world. */
  readonly simulation?: 'operators';
  /**
   * Where to begin, so that the error is found soon; the sources change, and with them what each
   * seed does. Default 1.
   */
  readonly firstSeed?: number;
}
