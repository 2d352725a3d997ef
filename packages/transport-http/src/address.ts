/** Addresses of members: `host:port`, `[v6]:port`, or the same behind `http://` or `https://`. */
import { isPrintableWord, printable } from './access/printable.ts';
import { TransportError } from './errors.ts';

export interface Place {
  readonly host: string;
  /** From 1 to 65,535; 0 only to listen on: any that is free. */
  readonly port: number;
}

const pattern = /^(?:(https?):\/\/)?(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:/@[\]]+)):(\d{1,5})\/?$/;

/**
 * @throws TransportError (`TRANSPORT_INVALID`) for what is no address, and for a scheme that is not
 * the cluster's: one with TLS has it everywhere.
 */
export function placeOf(address: string, usesTls: boolean): Place {
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

/** The host in the address, or `undefined` where the text is no address. */
export function hostOf(address: string): string | undefined {
  const [, , v6, name] = pattern.exec(address) ?? [];
  return v6 ?? name;
}

const invalid = (problem: string): TransportError =>
  new TransportError('TRANSPORT_INVALID', problem);
