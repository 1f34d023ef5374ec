import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** A certificate authority and a server certificate for 127.0.0.1 that it signed, as PEM. */
export interface TestCertificate { authority: string; certificate: string; key: string }

const DAY_MS = 86_400_000;

export function createTestCertificate(): TestCertificate {
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = issue({ subject: 'Test authority', issuer: 'Test authority', key: ca.publicKey, signer: ca.privateKey, extensions: [basicConstraints(true)] });
  const certificate = issue({ subject: '127.0.0.1', issuer: 'Test authority', key: server.publicKey, signer: ca.privateKey, extensions: [basicConstraints(false), loopbackName()] });
  return { authority, certificate, key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

// DER: tag, length, content.
function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'));

function name(text: string): Buffer {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(text)))));
}

function time(ms: number): Buffer {
  return der(0x18, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`));
}

function basicConstraints(isAuthority: boolean): Buffer {
  return sequence(oid('551d13'), der(0x01, Buffer.from([0xff])), der(0x04, sequence(...(isAuthority ? [der(0x01, Buffer.from([0xff]))] : []))));
}

function loopbackName(): Buffer {
  return sequence(oid('551d11'), der(0x04, sequence(der(0x87, Buffer.from([127, 0, 0, 1])))));
}

function issue({ subject, issuer, key, signer, extensions }: { subject: string; issuer: string; key: KeyObject; signer: KeyObject; extensions: Buffer[] }): string {
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(15)]);
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), der(0x02, serial), ECDSA_SHA256, name(issuer), sequence(time(Date.now() - DAY_MS), time(Date.now() + DAY_MS)),
    name(subject), key.export({ type: 'spki', format: 'der' }), der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', body, signer);
  const bytes = sequence(body, ECDSA_SHA256, der(0x03, Buffer.from([0]), signature));
  return `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}
