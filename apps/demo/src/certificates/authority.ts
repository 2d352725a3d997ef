/** A certificate authority for a try-out, kept in files. */
import { createPrivateKey, KeyObject, webcrypto } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { memberUri } from '@babuza/transport-http';
import * as x509 from '@peculiar/x509';
import type { NodeRequest } from './request.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const hourMs = 3_600_000;

/**
 * The validity of a certificate. It starts an hour ago, because clocks of other machines may be
 * behind.
 */
export interface Period {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export function periodOf(nowMs: number, days: number): Period {
  const [start, end] = [nowMs - hourMs, nowMs + days * 24 * hourMs];
  return { notBefore: new Date(start), notAfter: new Date(end) };
}

export class TryOutAuthority {
  readonly #certificate: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(certificate: x509.X509Certificate, key: webcrypto.CryptoKey) {
    this.#certificate = certificate;
    this.#key = key;
  }

  /** Opens the authority of the directory, or makes a new one. */
  static async open(
    directory: string,
    clusterId: bigint,
    period: Period,
  ): Promise<TryOutAuthority> {
    const [certificateFile, keyFile] = ['ca.pem', 'ca.key.pem'].map((name) =>
      join(directory, name),
    );
    const [pem, key] = await Promise.all([readOrNothing(certificateFile), readOrNothing(keyFile)]);
    if (pem !== undefined && key !== undefined) {
      return new TryOutAuthority(new x509.X509Certificate(pem), await imported(key));
    }
    if (pem !== undefined || key !== undefined) {
      throw new Error(
        `${directory} has only one of ca.pem and ca.key.pem: add the other, or remove it`,
      );
    }
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=Babuza cluster ${clusterId}`,
      ...period,
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    await writeKey(directory, 'ca.key.pem', keys);
    await write(directory, 'ca.pem', `${certificate.toString('pem')}\n`, 0o644);
    return new TryOutAuthority(certificate, keys.privateKey);
  }

  /** Writes the certificate and the key of a node. */
  async issue(
    directory: string,
    clusterId: bigint,
    { id, hosts }: NodeRequest,
    period: Period,
  ): Promise<void> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=node ${id}`,
      issuer: this.#certificate.subjectName,
      ...period,
      publicKey: keys.publicKey,
      signingKey: this.#key,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension([
          { type: 'url', value: memberUri(clusterId, id) },
          ...hosts.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const),
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate.publicKey),
      ],
    });
    await writeKey(directory, `node-${id}.key.pem`, keys);
    await write(directory, `node-${id}.pem`, `${certificate.toString('pem')}\n`, 0o644);
  }

  /** Writes the revocation list: the previous list plus the certificates of these nodes. */
  async revoke(directory: string, ids: readonly bigint[], period: Period): Promise<void> {
    const before = await readOrNothing(join(directory, 'crl.pem'));
    const serials = new Set(
      before === undefined
        ? []
        : new x509.X509Crl(before).entries.map(({ serialNumber }) => serialNumber),
    );
    for (const id of ids) {
      const pem = await readFile(join(directory, `node-${id}.pem`), 'utf8');
      serials.add(new x509.X509Certificate(pem).serialNumber);
    }
    const list = await x509.X509CrlGenerator.create({
      issuer: this.#certificate.subjectName,
      thisUpdate: period.notBefore,
      nextUpdate: period.notAfter,
      signingKey: this.#key,
      signingAlgorithm: algorithm,
      entries: [...serials].map((serialNumber) => ({
        serialNumber,
        revocationDate: period.notBefore,
      })),
    });
    const pem = x509.PemConverter.encode(list.rawData, 'X509 CRL');
    await writeFile(join(directory, 'crl.pem'), `${pem}\n`);
  }
}

const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

function imported(pem: string): Promise<webcrypto.CryptoKey> {
  const bytes = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', bytes, algorithm, true, ['sign']);
}

function writeKey(
  directory: string,
  name: string,
  { privateKey }: webcrypto.CryptoKeyPair,
): Promise<void> {
  const pem = KeyObject.from(privateKey).export({ type: 'pkcs8', format: 'pem' });
  return write(directory, name, pem.toString(), 0o600);
}

/** Writes a new file. Rejects when the file exists. */
const write = (directory: string, name: string, text: string, mode: number): Promise<void> =>
  writeFile(join(directory, name), text, { mode, flag: 'wx' });

async function readOrNothing(path: string | undefined): Promise<string | undefined> {
  try {
    return path === undefined ? undefined : await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
