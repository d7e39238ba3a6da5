import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { BrokerProcess } from './broker-process.ts';

/** nats-server with its MQTT, which keeps sessions and retained messages in JetStream, in a folder that goes away with it. */
export class NatsServer {
  readonly port: number;
  readonly #folder: string;
  readonly #process: BrokerProcess;

  /** `authorization`: the block of that name in its configuration. */
  static async start(authorization = ''): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), await freePort(), authorization);
    await server.resume();
    return server;
  }

  private constructor(port: number, natsPort: number, authorization: string) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), 'virtdom-nats-'));
    const configuration = join(this.#folder, 'nats.conf');
    writeFileSync(
      configuration,
      [
        'server_name: virtdom',
        `listen: 127.0.0.1:${natsPort}`,
        `jetstream { store_dir: ${JSON.stringify(this.#folder)} }`,
        `mqtt { listen: "127.0.0.1:${port}", ack_wait: "1s" }`,
        authorization,
      ].join('\n'),
    );
    this.#process = new BrokerProcess(BrokerProcess.find('nats-server'), ['-c', configuration], port);
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
