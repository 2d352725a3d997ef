/** Certificates, made with `openssl` for one run of the tests. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority, and what it signs. */
export class Authority {
  readonly #directory: string;
  readonly cert: string;

  constructor() {
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
      '/CN=authority',
    );
    this.cert = this.#read('ca.pem');
    writeFileSync(this.#path('index.txt'), '');
    writeFileSync(this.#path('serial'), '1000\n');
    writeFileSync(this.#path('ca.conf'), configuration);
  }

  /** For a member that is reached at `host`: `IP:127.0.0.1` or `DNS:a.name`. */
  issue(host = 'IP:127.0.0.1', isExpired = false): Certificate {
    writeFileSync(this.#path('host.conf'), `subjectAltName=${host}\n`);
    this.#run('req', ...newKey, '-keyout', 'one.key', '-out', 'one.csr', '-subj', '/CN=member');
    const [begin, end] = isExpired
      ? ['20000101000000Z', '20010101000000Z']
      : ['20000101000000Z', '20990101000000Z'];
    this.#run(
      'ca',
      '-batch',
      '-notext',
      '-config',
      'ca.conf',
      '-extfile',
      'host.conf',
      '-in',
      'one.csr',
      '-out',
      'one.pem',
      '-startdate',
      begin,
      '-enddate',
      end,
    );
    return { cert: this.#read('one.pem'), key: this.#read('one.key') };
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }

  readonly #path = (name: string): string => join(this.#directory, name);
  readonly #read = (name: string): string => readFileSync(this.#path(name), 'utf8');

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
