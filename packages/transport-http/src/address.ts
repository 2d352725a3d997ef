/**
 * Parses the addresses of members: `host:port` or `[v6]:port`, each with or without `http://` or
 * `https://` before it.
 */
import { isPrintableWord, printable } from './access/printable.ts';
import { TransportError } from './errors.ts';

export interface HostPort {
  readonly host: string;
  /** 1 to 65,535. 0 is allowed for listening only: the system then chooses a free port. */
  readonly port: number;
}

const pattern = /^(?:(https?):\/\/)?(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:/@[\]]+)):(\d{1,5})\/?$/;

/**
 * Splits an address into host and port.
 *
 * @throws TransportError (`TRANSPORT_INVALID`) if the text is not an address, or if its scheme is
 * not the one that this cluster uses: `https` with the option `tls`, `http` without it.
 */
export function hostPortOf(address: string, usesTls: boolean): HostPort {
  const [, scheme, v6, name, digits] = pattern.exec(address) ?? [];
  const host = v6 ?? name;
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535 || !isPrintableWord(address)) {
    const allowed = "'host:port' with a port from 1 to 65535";
    throw invalid(`the address of a member must be ${allowed}; got '${printable(address)}'`);
  }
  const expected = usesTls ? 'https' : 'http';
  if (scheme !== undefined && scheme !== expected) {
    const why = usesTls ? 'with the option tls' : 'without the option tls';
    throw invalid(
      `addresses begin with ${expected}:// ${why}, or with the host; got '${printable(address)}'`,
    );
  }
  return { host, port };
}

/** The host in the address, or `undefined` if the text is not an address. */
export function hostOf(address: string): string | undefined {
  const [, , v6, name] = pattern.exec(address) ?? [];
  return v6 ?? name;
}

const invalid = (problem: string): TransportError =>
  new TransportError('TRANSPORT_INVALID', problem);
