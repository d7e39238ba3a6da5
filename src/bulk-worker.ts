import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from './clock.ts';
import { BootHttpServer, type BootHttpSettings } from './httpboot/server.ts';
import type { HelloAnswer, HelloDesk } from './httpboot/hello-desk.ts';
import type { Log, LogFields, LogLevel } from './log.ts';
import type { BootFile, BootFileRequest } from './model/boot-file.ts';
import type { Observation } from './model/boot-trace.ts';
import type { Cidr, Ipv4 } from './model/ipv4.ts';
import { kernelNetwork } from './net/kernel-network.ts';
import { TftpServer, type TftpSettings } from './tftp/server.ts';
import { giveWay, ThreadLink } from './thread.ts';

export interface BulkSettings {
  readonly tftp: TftpSettings;
  readonly http: BootHttpSettings;
}

/** What the control thread answers. */
export type ControlCalls = {
  open(request: BootFileRequest): Promise<BootFile>;
  hello(request: Parameters<HelloDesk['hello']>[0]): Promise<HelloAnswer>;
  observe(observation: Observation): void;
  log(level: Exclude<LogLevel, 'silent'>, fields: LogFields, message: string): void;
};

/** Where it listens, and whose TFTP requests are answered: everybody's where it is not said. */
export interface BulkNetworks {
  readonly addresses: readonly Ipv4[];
  readonly clients?: readonly Cidr[];
}

/** What this thread answers. A failure travels as a plain Error: its message must say everything. */
export type BulkCalls = {
  start(networks: BulkNetworks): Promise<void>;
  setNetworks(networks: BulkNetworks): Promise<void>;
  close(): Promise<void>;
};

/** The thread that carries TFTP and HTTP: it has sockets and files, and asks the control thread what they mean. */
function run(port: NonNullable<typeof parentPort>, settings: BulkSettings): void {
  let servers: { readonly tftp: TftpServer; readonly http: BootHttpServer } | undefined;
  const handlers: BulkCalls = {
    async start({ addresses, clients }) {
      const shared = { addresses, tree, observer, clock: systemClock, log };
      const network = kernelNetwork({ clock: systemClock, log });
      const tftp = new TftpServer({ ...shared, settings: { ...settings.tftp, ...(clients && { clients }) }, network });
      const http = new BootHttpServer({ ...shared, settings: settings.http, desk });
      await tftp.start();
      try {
        await http.start();
      } catch (error) {
        await tftp.close();
        throw error;
      }
      servers = { tftp, http };
    },
    async setNetworks({ addresses, clients }) {
      servers?.tftp.setClients(clients);
      await Promise.all([servers?.tftp.setAddresses(addresses), servers?.http.setAddresses(addresses)]);
    },
    async close() {
      await Promise.all([servers?.tftp.close(), servers?.http.close()]);
    },
  };
  const control = new ThreadLink<ControlCalls>(port, handlers);
  const tree = { open: (request: BootFileRequest) => control.call('open', request) };
  const desk: HelloDesk = { hello: (request) => control.call('hello', request) };
  const observer = { observe: (observation: Observation) => control.notify('observe', observation) };
  const log = forwardedLog((level, fields, message) => control.notify('log', level, fields, message));
}

/** Log lines are written by the control thread, so that they stay in one order and in one form. */
function forwardedLog(write: ControlCalls['log'], own: LogFields = {}): Log {
  const line =
    (level: Exclude<LogLevel, 'silent'>) =>
    (fields: LogFields, message: string): void =>
      write(level, { ...own, ...fields }, message);
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (fields) => forwardedLog(write, { ...own, ...fields }),
  };
}

if (parentPort !== null) {
  giveWay();
  run(parentPort, workerData as BulkSettings);
}
