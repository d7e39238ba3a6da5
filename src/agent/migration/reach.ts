import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { pskCiphers } from '../../bus/psk.ts';

export interface Reach {
  readonly vm: string;
  readonly key: string;
  readonly address: string;
  readonly port: number;
  readonly withinMs: number;
  readonly signal: AbortSignal;
}

const retryMs = 1000;

/** The door of the other host, tried again each second: the word to open it may come later than the word to send. Rejects with why. */
export async function reachDoor(reach: Reach): Promise<TLSSocket> {
  const untilMs = performance.now() + reach.withinMs;
  for (;;) {
    try {
      return await knock(reach, untilMs - performance.now());
    } catch (error) {
      if (reach.signal.aborted || performance.now() + retryMs >= untilMs) throw error;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, retryMs);
    });
  }
}

function knock({ vm, key, address, port, signal }: Reach, withinMs: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...pskCiphers,
      host: address,
      port,
      pskCallback: () => ({ identity: vm, psk: Buffer.from(key) }),
      // Who has the key is the host that is meant.
      checkServerIdentity: () => undefined,
    });
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', ended);
      socket.off('error', refused).off('close', shut).off('secureConnect', finish);
      socket.on('error', () => undefined);
      if (error === undefined) return resolve(socket);
      socket.destroy();
      return reject(error);
    };
    const refused = ({ code, message }: NodeJS.ErrnoException): void => {
      const why =
        code === 'ECONNREFUSED'
          ? 'no VM is let in there'
          : /decrypt|bad.record.mac|alert/i.test(message)
            ? 'the key is not taken'
            : message;
      finish(new Error(`port ${port}: ${why}`));
    };
    const shut = (): void => finish(new Error(`port ${port}: the connection was shut at once`));
    const ended = (): void => finish(new Error('the agent ends'));
    const timer = setTimeout(() => finish(new Error(`port ${port}: no answer`)), Math.max(1, withinMs));
    if (signal.aborted) return ended();
    signal.addEventListener('abort', ended);
    socket
      .on('error', refused)
      .on('close', shut)
      .on('secureConnect', () => finish());
    return undefined;
  });
}
