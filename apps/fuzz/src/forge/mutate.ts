import type { SeededRandom } from '@babuza/testkit';
import type { Decoder } from '../decoder.ts';
import { mutateBytes } from './mutate-bytes.ts';
import { mutateJson } from './mutate-json.ts';
import { mutateProtobuf } from './mutate-protobuf.ts';

/** Longer inputs find nothing that shorter ones do not, and make each run slower. */
const inputBytesMax = 64 * 1024;
const sealedShare = 0.85;

/** A new input: one from the pool with one to five changes, mostly with right checksums. */
export function forge(
  { form, seal }: Decoder,
  pool: readonly Uint8Array[],
  random: SeededRandom,
): Uint8Array {
  const any = (): Uint8Array => pool[random.below(pool.length)] ?? new Uint8Array(0);
  let input = any();
  for (let changes = 1 + random.below(5); changes > 0; changes -= 1) {
    if (form === 'protobuf' && random.chance(0.8)) input = mutateProtobuf(input, random);
    else if (form === 'json') input = mutateJson(input, random, any());
    else input = mutateBytes(input, random, any());
    if (input.length > inputBytesMax) input = input.slice(0, inputBytesMax);
  }
  return seal !== undefined && random.chance(sealedShare) ? seal(input) : input;
}
