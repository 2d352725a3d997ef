/** The rule of most decoders: what decodes encodes again, and decodes to the same. */
import { Finding, refusal, type Decoder, type Outcome } from './decoder.ts';
import { sameValue } from './same-value.ts';

export interface Codec<Value> {
  readonly decode: (bytes: Uint8Array) => Value;
  /** Absent where nothing encodes what the decoder gives. */
  readonly encode?: ((value: Value) => Uint8Array) | undefined;
  /** Codes (or names) of the errors that `decode` documents. */
  readonly documented: readonly string[];
  /**
   * Whether a value has one form only: what was decoded encodes to the bytes of the input. Default
   * false.
   */
  readonly isCanonical?: boolean | undefined;
  /** Throws a `Finding` where a decoded value breaks a rule of its type. */
  readonly check?: ((value: Value, input: Uint8Array) => void) | undefined;
}

export function roundTrip<Value>(codec: Codec<Value>): Decoder['run'] {
  return (input) => {
    let value: Value;
    try {
      value = codec.decode(input);
    } catch (error) {
      return refusal(error, codec.documented);
    }
    // "This is nothing of mine" is an answer of some decoders.
    if (value !== undefined) checkValue(codec, value, input);
    return { kind: 'value', value } satisfies Outcome;
  };
}

function checkValue<Value>(
  { decode, encode, check, isCanonical = false }: Codec<Value>,
  value: Value,
  input: Uint8Array,
): void {
  check?.(value, input);
  if (encode === undefined) return;
  const encoded = inNewError('what was decoded cannot be encoded', () => encode(value));
  if (isCanonical && Buffer.compare(encoded, input) !== 0) {
    throw new Finding('what was decoded has other bytes when it is encoded again');
  }
  const again = inNewError('what was encoded again cannot be decoded', () => decode(encoded));
  if (!sameValue(again, value)) {
    throw new Finding('what was decoded, encoded and decoded again is another value');
  }
  // The parts of a class that cannot be compared from outside show in its bytes.
  if (Buffer.compare(encode(again), encoded) !== 0) {
    throw new Finding('what was decoded, encoded and decoded again has other bytes');
  }
}

function inNewError<Result>(what: string, run: () => Result): Result {
  try {
    return run();
  } catch (cause) {
    throw new Finding(`${what}: ${String(cause)}`, { cause });
  }
}

/** Throws unless the id fits into 64 bits, as every id on a wire or a disk does. */
export function checkId(what: string, id: bigint): void {
  if (id >= 2n ** 64n || id < 0n)
    throw new Finding(`${what} is ${id}, which is no number of 64 bits`);
}
