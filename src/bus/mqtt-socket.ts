import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { pskCiphers } from './psk.ts';

export interface MqttAddress {
  /** `mqtt://host:1883` or `mqtts://host:8883`. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** TLS proves both sides by the user name and the password, without certificates. */
  readonly psk?: boolean;
  /** PEM: who may have signed the broker's certificate, where the machine's own list is not meant. */
  readonly ca?: string;
}

const ports: Readonly<Record<string, number>> = { 'mqtt:': 1883, 'mqtts:': 8883 };

/** @throws Error on a URL that is none of ours. */
export function parseMqttUrl(url: string): { readonly host: string; readonly port: number; readonly tls: boolean } {
  const { protocol, hostname, port, username, password } = new URL(url);
  const defaultPort = ports[protocol];
  if (defaultPort === undefined || hostname === '') throw new Error(`${url}: the bus is mqtt://HOST:PORT or mqtts://HOST:PORT`);
  if (username !== '' || password !== '') throw new Error('the user name and the password of the bus do not stand in its URL');
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: port === '' ? defaultPort : Number(port), tls: protocol === 'mqtts:' };
}

/** Begins to connect; what is written before it is connected waits. */
export function openMqttSocket(address: MqttAddress): Socket {
  const { host, port, tls } = parseMqttUrl(address.url);
  const socket = tls ? connectTls({ host, port, ...proofOf(address, host) }) : connectTcp({ host, port });
  socket.setNoDelay(true);
  return socket;
}

/** With a key of both sides there is no certificate to look at: a broker that does not have it cannot finish the handshake. */
function proofOf({ username = '', password = '', psk, ca }: MqttAddress, host: string): ConnectionOptions {
  if (psk !== true) return { servername: isIP(host) === 0 ? host : '', minVersion: 'TLSv1.2', ...(ca !== undefined && { ca }) };
  return {
    ...pskCiphers,
    pskCallback: () => ({ identity: username, psk: Buffer.from(password) }),
    checkServerIdentity: () => undefined,
  };
}
