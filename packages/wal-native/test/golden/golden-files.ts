/**
 * The golden files of format version 1, which represent released logs. `BABUZA_WRITE_GOLDEN=1`
 * writes missing files and never changes an existing one.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('./version-1/', import.meta.url);

/**
 * The content of a golden file. `make` is called only if the file is missing and is to be written.
 */
export async function goldenBytes(
  name: string,
  make: () => Uint8Array | Promise<Uint8Array>,
): Promise<Uint8Array> {
  const file = fileURLToPath(new URL(name, folder));
  if (process.env['BABUZA_WRITE_GOLDEN'] === '1' && !existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, await make(), { flag: 'wx' });
  }
  return readFileSync(file);
}

/** Encodes bytes as hexadecimal digits, 32 bytes a line. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replaceAll(/.{1,64}/g, (line) => `${line}\n`);
}

/** The content of a golden file with hexadecimal digits. */
export async function goldenHex(name: string, bytes: Uint8Array): Promise<string> {
  return Buffer.from(await goldenBytes(name, () => Buffer.from(toHex(bytes)))).toString();
}
