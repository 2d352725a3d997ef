/** Certificates, made with `openssl` for one run of the tests. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly member?: bigint;
  readonly clusterId?: bigint;
  /** Replaces the URI of this member. */
  readonly uris?: readonly string[];
  readonly hosts?: readonly string[];
  /** The extended key usages; an empty list leaves the extension out. */
  readonly usage?: string;
  readonly commonName?: string;
  readonly isExpired?: boolean;
}

/** An authority and the certificates that it signs. */
export class Authority {
  readonly #directory: string;
  readonly cert: string;

  constructor(name = 'authority') {
    this.#directory = mkdtempSync(join(tmpdir(), 'babuza-tls-'));
    this.#run(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '30',
      '-subj',
      `/CN=${name}`,
    );
    this.cert = this.#read('ca.pem');
    writeFileSync(this.#path('index.txt'), '');
    writeFileSync(this.#path('serial'), '1000\n');
    writeFileSync(this.#path('ca.conf'), configuration);
  }

  /** Creates a certificate, by default for member 1 of cluster 1 on this machine. */
  issue({
    member = 1n,
    clusterId = 1n,
    uris = [`URI:babuza://cluster/${clusterId}/node/${member}`],
    hosts = ['IP:127.0.0.1', 'IP:::1', 'DNS:localhost'],
    usage = 'serverAuth,clientAuth',
    commonName = 'member',
    isExpired = false,
  }: CertificateRequest = {}): Certificate {
    const names = [...uris, ...hosts].map((name, at) => name.replace(':', `.${at}=`));
    const alternatives = names.length === 0 ? '' : 'subjectAltName=@names\n';
    const usages = usage === '' ? '' : `extendedKeyUsage=${usage}\n`;
    writeFileSync(
      this.#path('host.conf'),
      `${alternatives}${usages}[names]\n${names.join('\n')}\n`,
    );
    const subject = `/CN=${commonName}`;
    this.#run('req', ...newKey, '-keyout', 'one.key', '-out', 'one.csr', '-subj', subject);
    const [begin, end] = isExpired
      ? ['20000101000000Z', '20010101000000Z']
      : ['20000101000000Z', '20990101000000Z'];
    const files = ['-extfile', 'host.conf', '-in', 'one.csr', '-out', 'one.pem'];
    this.#authority('-batch', '-notext', ...files, '-startdate', begin, '-enddate', end);
    return { cert: this.#read('one.pem'), key: this.#read('one.key') };
  }

  /** A revocation list with everything that was revoked so far. */
  revocations(): string {
    this.#authority('-gencrl', '-crldays', '30', '-out', 'crl.pem');
    return this.#read('crl.pem');
  }

  revoke({ cert }: Certificate): void {
    writeFileSync(this.#path('revoked.pem'), cert);
    this.#authority('-revoke', 'revoked.pem');
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }

  readonly #path = (name: string): string => join(this.#directory, name);
  readonly #read = (name: string): string => readFileSync(this.#path(name), 'utf8');

  #authority(...given: string[]): void {
    this.#run('ca', '-config', 'ca.conf', ...given);
  }

  #run(...given: string[]): void {
    execFileSync('openssl', given, { cwd: this.#directory, stdio: 'pipe' });
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

const configuration = `
[ca]
default_ca = one
[one]
database = index.txt
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
`;
