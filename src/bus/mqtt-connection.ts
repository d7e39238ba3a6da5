import { MqttClient } from 'mqtt';
import type { IPublishPacket } from 'mqtt';
import type { BusWill, Qos } from './bus.ts';
import { MqttFrames, packetType } from './mqtt-frames.ts';
import { openMqttSocket, parseMqttUrl } from './mqtt-socket.ts';
import type { MqttAddress } from './mqtt-socket.ts';

export interface MqttConnectionOptions extends MqttAddress {
  readonly clientId: string;
  readonly will?: BusWill | undefined;
  readonly clean: boolean;
  readonly keepaliveSeconds: number;
  readonly connectSeconds: number;
  /** Longer packets end the connection before they fill memory. */
  readonly maxPacketBytes: number;
}

export interface MqttConnectionListener {
  /** The broker has said yes. */
  accepted(): void;
  /** Not acknowledged before `acknowledge` is called. */
  arrived(message: { readonly topic: string; readonly payload: Uint8Array; readonly retained: boolean }, acknowledge: () => void): void;
  /** Once, and nothing follows. */
  closed(reason: string): void;
}

/** One connection to a broker, from CONNECT until it is lost: it never comes back. */
export class MqttConnection {
  readonly #client: MqttClient;
  readonly #listener: MqttConnectionListener;
  readonly #options: MqttConnectionOptions;
  /** What waits for an answer of the broker. */
  readonly #open = new Set<() => void>();
  #reason: string | undefined;
  #closed = false;

  constructor(options: MqttConnectionOptions, listener: MqttConnectionListener) {
    this.#options = options;
    this.#listener = listener;
    const { clientId, will, clean, keepaliveSeconds, connectSeconds, username, password } = options;
    const client = new MqttClient(() => this.#openSocket(), {
      clientId,
      clean,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      keepalive: keepaliveSeconds,
      connectTimeout: connectSeconds * 1000,
      protocolVersion: 4,
      reconnectPeriod: 0,
      resubscribe: false,
      manualConnect: true,
      timerVariant: 'native',
      // Its debug log would have the password.
      log: () => undefined,
      ...(will !== undefined && { will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: will.retain } }),
    });
    this.#client = client;
    client.handleMessage = (packet, callback) => this.#arrived(packet, callback);
    client.on('connect', () => listener.accepted());
    // After nonsense on the wire mqtt would go on to wait.
    client.on('error', (error) => this.drop(this.#inWords(error)));
    client.on('close', () => this.#close());
    client.connect();
  }

  subscribe(filter: string): Promise<'granted' | 'refused' | 'lost'> {
    return this.#ask<'granted' | 'refused' | 'lost'>('lost', (answer) => {
      this.#client.subscribe(filter, { qos: 1 }, (error, granted) =>
        answer(error === null && granted?.[0]?.qos !== 128 ? 'granted' : 'refused'),
      );
    });
  }

  unsubscribe(filter: string): void {
    this.#client.unsubscribe(filter, () => undefined);
  }

  /** Resolves when the broker has acknowledged it (QoS 1) or the socket has it (QoS 0). */
  publish(topic: string, payload: Uint8Array, options: { readonly qos: Qos; readonly retain: boolean }): Promise<'taken' | 'lost'> {
    return this.#ask<'taken' | 'lost'>('lost', (answer) => {
      const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
      this.#client.publish(topic, bytes, options, (error) => {
        if (error === undefined || error === null) answer('taken');
      });
    });
  }

  /** In bytes: what the broker has not read yet. */
  get unsentBytes(): number {
    return this.#client.stream.writableLength;
  }

  /** Says goodbye: the will is not published. mqtt would first wait for all acknowledgements. */
  end(): void {
    this.#reason ??= 'closed';
    this.#client.stream.end(Buffer.from([packetType.disconnect << 4, 0]));
  }

  drop(reason: string): void {
    this.#reason ??= reason;
    this.#client.stream.destroy();
  }

  #ask<Answer>(lost: Answer, ask: (answer: (answer: Answer) => void) => void): Promise<Answer> {
    return new Promise((resolve) => {
      const abandoned = (): void => resolve(lost);
      this.#open.add(abandoned);
      ask((answer) => {
        if (this.#open.delete(abandoned)) resolve(answer);
      });
    });
  }

  #openSocket(): ReturnType<typeof openMqttSocket> {
    const socket = openMqttSocket(this.#options);
    const frames = new MqttFrames(this.#options.maxPacketBytes);
    socket.on('data', (chunk: Buffer) => {
      const problem = frames.read(chunk);
      if (problem !== undefined) this.drop(problem);
    });
    return socket;
  }

  /** An error keeps mqtt from acknowledging, and from waiting: the next packets are read meanwhile, acknowledgements among them. */
  #arrived({ topic, payload, retain, qos, messageId }: IPublishPacket, callback: (error?: Error) => void): void {
    callback(new Error('acknowledged when it is handled'));
    const acknowledge = (): void => {
      if (qos === 0 || messageId === undefined || this.#closed) return;
      this.#client.stream.write(Buffer.from([packetType.puback << 4, 2, messageId >> 8, messageId & 0xff]));
    };
    if (!this.#closed) this.#listener.arrived({ topic, payload: Buffer.from(payload), retained: retain }, acknowledge);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.end(true);
    for (const abandoned of this.#open) abandoned();
    this.#open.clear();
    this.#listener.closed(this.#reason ?? 'the broker closed the connection');
  }

  #inWords(error: Error & { readonly code?: unknown }): string {
    const { host, port } = parseMqttUrl(this.#options.url);
    const code = error.code;
    if (typeof code === 'number') return refusals[code] ?? `the broker refused the connection with code ${code}`;
    if (code === 'ECONNREFUSED') return `nothing listens at ${host}:${port}`;
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `the name ${host} is not found`;
    if (code === 'ECONNRESET' || code === 'EPIPE') return 'the connection was lost';
    if (/bad.record.mac|decrypt|unknown.psk/i.test(error.message))
      return `${host}:${port} and this side have no key in common: the credential is of another boot, or it is not our broker`;
    if (code === 'EPROTO' || String(code).startsWith('ERR_SSL')) return `TLS with ${host}:${port} failed: ${error.message.slice(0, 200)}`;
    if (error.message === 'connack timeout') return `${host}:${port} did not answer within ${this.#options.connectSeconds} s`;
    if (error.message === 'Keepalive timeout') return `the broker did not answer for ${this.#options.keepaliveSeconds} s`;
    return error.message;
  }
}

/** MQTT 3.1.1, 3.2.2.3. */
const refusals: Readonly<Record<number, string>> = {
  1: 'the broker does not speak MQTT 3.1.1',
  2: 'the broker refuses this client id',
  3: 'the broker says that it is not available',
  4: 'the broker does not accept this user name and password',
  5: 'the broker says that this client may not connect',
};
