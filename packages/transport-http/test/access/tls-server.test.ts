/** The TLS server of a member: the certificates that it needs, and the clients that it accepts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newTlsServer } from '../../src/access/tls-server.ts';
import { Authority, type Certificate } from '../certificates.ts';

let authority: Authority;
let own: Certificate;
beforeAll(() => {
  authority = new Authority();
  own = authority.issue();
});
afterAll(() => authority.remove());

const serverWith = newTlsServer;
const asks = (server: object): unknown[] =>
  ['requestCert', 'rejectUnauthorized'].map((name) => Reflect.get(server, name));

describe('a server with TLS', () => {
  it('wants a certificate of whoever connects unless it is told otherwise', () => {
    expect(asks(serverWith({ ...own, ca: authority.cert }))).toEqual([true, true]);
    expect(asks(serverWith({ ...own, ca: authority.cert, mutual: true }))).toEqual([true, true]);
    expect(asks(serverWith({ ...own, ca: authority.cert, mutual: false }))).toEqual([false, false]);
  });

  it('trusts the authority of the members, and no other one', () => {
    expect(Reflect.get(serverWith({ ...own, ca: authority.cert }), 'ca')).toBe(authority.cert);
  });

  it('needs no authority where it wants no certificate', () => {
    expect(asks(serverWith({ ...own, mutual: false }))).toEqual([false, false]);
  });

  it('takes certificates as bytes, too', () => {
    const bytes = { cert: Buffer.from(own.cert), key: Uint8Array.from(Buffer.from(own.key)) };
    expect(asks(serverWith({ ...bytes, ca: Buffer.from(authority.cert) }))).toEqual([true, true]);
  });

  it('refuses a key of another certificate', () => {
    const { key } = authority.issue();
    const refused = expect.objectContaining({ code: 'TRANSPORT_INVALID' });
    expect(() => serverWith({ ...own, key, mutual: false })).toThrow(refused);
  });
});
