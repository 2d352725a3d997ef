/**
 * The golden files of format version 1: what released logs consist of. They are only ever added to:
 * `BABUZA_WRITE_GOLDEN=1` writes those that are missing, and never one that exists.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('./version-1/', import.meta.url);

/** The content of a golden file; `make` is asked only where it is missing and wanted. */
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

/** Hexadecimal digits, 32 bytes a line. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replaceAll(/.{1,64}/g, (line) => `${line}\n`);
}

/** What the golden file of hexadecimal digits says. */
export async function goldenHex(name: string, bytes: Uint8Array): Promise<string> {
  return Buffer.from(await goldenBytes(name, () => Buffer.from(toHex(bytes)))).toString();
}
