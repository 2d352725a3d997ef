/**
 * The files that configure names on a machine: the hosts file, `resolv.conf` and `nsswitch.conf`.
 * They are read synchronously. A read in the thread pool would wait behind look-ups and saves that
 * hang there, and would take a thread from the saves.
 */
import fs from 'node:fs';
import { isIP } from 'node:net';
import { toFileError } from '../classify-error.ts';
import type { HostAddress } from './host-names.ts';

/**
 * The parsed content of a file, which is read again when the file has changed. If the system is
 * short of a resource, the previous content is kept. A file that cannot be read for another reason
 * counts as empty.
 */
class ParsedFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #version = '';
  #parsed: T;

  constructor(path: string, parse: (text: string) => T) {
    this.#path = path;
    this.#parse = parse;
    this.#parsed = parse('');
  }

  read(): T {
    try {
      const { ino, size, mtimeNs } = fs.statSync(this.#path, { bigint: true });
      const version = `${ino} ${size} ${mtimeNs}`;
      if (version === this.#version) return this.#parsed;
      this.#parsed = this.#parse(fs.readFileSync(this.#path, 'utf8'));
      this.#version = version;
    } catch (error) {
      // A shortage says nothing about the file. It is read at the next look-up.
      if (toFileError(error, 'read', this.#path).isTransient) return this.#parsed;
      this.#parsed = this.#parse('');
      this.#version = '';
    }
    return this.#parsed;
  }
}

const hostsPath = (): string =>
  process.platform === 'win32'
    ? `${process.env['SystemRoot'] ?? String.raw`C:\Windows`}\\System32\\drivers\\etc\\hosts`
    : '/etc/hosts';

/** The names and addresses in the hosts file of this machine. */
export class HostsFile {
  readonly #file: ParsedFile<Map<string, HostAddress[]>>;

  constructor(path: string = hostsPath()) {
    this.#file = new ParsedFile(path, parseHosts);
  }

  /**
   * The addresses of the name in the order of the file; empty if the file does not have the name.
   */
  addressesOf(name: string): readonly HostAddress[] {
    return this.#file.read().get(keyOf(name)) ?? [];
  }
}

const keyOf = (name: string): string => name.toLowerCase().replace(/\.$/, '');

function parseHosts(text: string): Map<string, HostAddress[]> {
  const byName = new Map<string, HostAddress[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address);
    if (family !== 4 && family !== 6) continue;
    for (const name of new Set(names.map(keyOf))) {
      byName.set(name, [...(byName.get(name) ?? []), { address, family }]);
    }
  }
  return byName;
}

interface SearchRules {
  readonly domains: readonly string[];
  /** A name with at least this many dots is first tried as it is. */
  readonly dotsMin: number;
}

/** The full names that a short name may stand for, by the search domains of `resolv.conf`. */
export class SearchDomains {
  readonly #file: ParsedFile<SearchRules>;

  constructor(path = '/etc/resolv.conf') {
    this.#file = new ParsedFile(path, parseSearch);
  }

  /** The candidates in the order in which the system's own resolver tries them. */
  candidatesOf(name: string): string[] {
    if (name.endsWith('.')) return [name];
    const { domains, dotsMin } = this.#file.read();
    const searched = domains.map((domain) => `${name}.${domain}`);
    return name.split('.').length > dotsMin ? [name, ...searched] : [...searched, name];
  }
}

/** If there are several lines `search` or `domain`, the last one counts. */
function parseSearch(text: string): SearchRules {
  let domains: string[] = [];
  let dotsMin = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search') domains = values;
    if (keyword === 'domain') domains = values.slice(0, 1);
    const dots =
      keyword === 'options' ? values.find((value) => /^ndots:\d+$/.test(value)) : undefined;
    if (dots !== undefined) dotsMin = Math.min(15, Number(dots.slice('ndots:'.length)));
  }
  const full = domains
    .map((domain) => domain.replace(/^\.+|\.+$/g, ''))
    .filter((domain) => domain !== '');
  return { domains: full, dotsMin };
}

/**
 * Tells whether the system looks up names in sources other than the hosts file and the name
 * servers.
 */
export class OtherSources {
  readonly #file: ParsedFile<boolean>;
  readonly #platform: NodeJS.Platform;

  constructor(path = '/etc/nsswitch.conf', platform: NodeJS.Platform = process.platform) {
    this.#file = new ParsedFile(path, hasOtherSource);
    this.#platform = platform;
  }

  /** Only Linux tells; on other platforms the answer is true. */
  get exist(): boolean {
    return this.#platform !== 'linux' || this.#file.read();
  }
}

/**
 * Sources that do not count as others. `myhostname` knows this machine only. Without a line for
 * hosts the system uses `files` and `dns` as well.
 */
const ownSources = ['files', 'dns', 'myhostname'];

function hasOtherSource(text: string): boolean {
  const lines = text.split('\n').map((line) => line.replace(/#.*|\[[^\]]*\]/g, '').trim());
  const hosts = lines.find((line) => line.startsWith('hosts:')) ?? '';
  const sources = hosts.slice('hosts:'.length).trim().split(/\s+/);
  return sources.some((source) => source !== '' && !ownSources.includes(source));
}
