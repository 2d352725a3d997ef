/** The definition of a fuzz target: a decoder, or an entry point for bytes of a disk or a peer. */

/** The allowed outcomes of a decoder. */
export type Outcome =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly error: Error };

/** The structure that mutations of an input keep. */
export type InputForm = 'bytes' | 'protobuf' | 'json';

export interface Decoder {
  /**
   * `package/function`. A function that is exported from the sources of a package is named as
   * there: a test compares both lists.
   */
  readonly name: string;
  /** Other exported decoders that this one runs; they need no decoder of their own. */
  readonly covers?: readonly string[] | undefined;
  readonly form: InputForm;
  /** Encoded values of each kind, which the mutations begin with. */
  readonly samples: readonly Uint8Array[];
  /** Returns the input with right checksums, whatever its content is. */
  readonly seal?: ((input: Uint8Array) => Uint8Array) | undefined;
  /**
   * Runs the decoder and checks what must hold afterwards. Throws a `Finding`, or whatever the
   * decoder throws that is none of its documented errors.
   */
  readonly run: (input: Uint8Array) => Outcome | Promise<Outcome>;
  /**
   * The bytes that a run may allocate in addition to `allocatedPerInputByte` for each byte of the
   * input. Default 4 MiB.
   */
  readonly allocatedBytesMax?: number | undefined;
  /** How long a run may take, in ms. Default 1,000 ms. */
  readonly durationMsMax?: number | undefined;
  /**
   * One of so many runs of its target is one of this decoder, compared with the others. Default 1.
   */
  readonly weight?: number | undefined;
}

/** Decoders that run one after the other in one worker. */
export interface Target {
  readonly name: string;
  /** One sentence for the list of targets. */
  readonly description: string;
  readonly decoders: readonly Decoder[];
}

/** A rule that did not hold. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

/**
 * The outcome where the error has one of these codes, or one of these names where it has no code.
 * Throws the error otherwise.
 */
export function refusal(error: unknown, documented: readonly string[]): Outcome {
  if (error instanceof Error) {
    const code = 'code' in error ? error.code : error.name;
    if (typeof code === 'string' && documented.includes(code)) return { kind: 'refused', error };
  }
  throw error;
}
