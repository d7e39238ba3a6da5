import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { BrokerProcess } from './broker-process.ts';

/** Mosquitto, with its state in a folder that goes away with it. */
export class MosquittoServer {
  readonly port: number;
  /** Its TLS with pre-shared keys. */
  readonly pskPort: number;
  /** Its TLS with a certificate, which `ca` has signed. */
  readonly tlsPort: number;
  readonly ca: string;
  readonly #folder: string;
  readonly #process: BrokerProcess;

  /** `keys`: who may connect with TLS and which key, in hexadecimal. `access`: lines of its ACL file for those. */
  static async start(keys: Readonly<Record<string, string>> = {}, access: readonly string[] = []): Promise<MosquittoServer> {
    const [port, pskPort, tlsPort] = [await freePort(), await freePort(), await freePort()];
    const server = new MosquittoServer(port, pskPort, tlsPort, keys, access);
    await server.resume();
    return server;
  }

  private constructor(port: number, pskPort: number, tlsPort: number, keys: Readonly<Record<string, string>>, access: readonly string[]) {
    this.port = port;
    this.pskPort = pskPort;
    this.tlsPort = tlsPort;
    this.#folder = mkdtempSync(join(tmpdir(), 'virtdom-mosquitto-'));
    const file = (name: string): string => join(this.#folder, name);
    this.ca = selfSigned(file('key.pem'), file('cert.pem'));
    writeFileSync(
      file('psk'),
      Object.entries(keys)
        .map(([identity, key]) => `${identity}:${key}\n`)
        .join(''),
      { mode: 0o600 },
    );
    writeFileSync(file('acl'), `${access.join('\n')}\n`, { mode: 0o600 });
    writeFileSync(
      file('mosquitto.conf'),
      [
        `user ${userInfo().username}`,
        'per_listener_settings true',
        'persistence true',
        `persistence_location ${this.#folder}/`,
        // By default it throws away what a slow reader is more than 1000 messages behind.
        'max_queued_messages 0',
        `listener ${port} 127.0.0.1`,
        'allow_anonymous true',
        `listener ${pskPort} 127.0.0.1`,
        'allow_anonymous true',
        'psk_hint virtdom',
        `psk_file ${file('psk')}`,
        'use_identity_as_username true',
        'ciphers ECDHE-PSK-CHACHA20-POLY1305',
        `acl_file ${file('acl')}`,
        `listener ${tlsPort} 127.0.0.1`,
        'allow_anonymous true',
        `certfile ${file('cert.pem')}`,
        `keyfile ${file('key.pem')}`,
      ].join('\n'),
    );
    this.#process = new BrokerProcess(BrokerProcess.find('mosquitto'), ['-c', file('mosquitto.conf')], port);
  }

  resume(): Promise<void> {
    return this.#process.start();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** For 127.0.0.1; returns the certificate. */
function selfSigned(keyFile: string, certificateFile: string): string {
  const files = ['-keyout', keyFile, '-out', certificateFile];
  const subject = ['-subj', '/CN=bus', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', ...files, ...subject],
    {
      stdio: 'ignore',
    },
  );
  return execFileSync('cat', [certificateFile], { encoding: 'utf8' });
}
