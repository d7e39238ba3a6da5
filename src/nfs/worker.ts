import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import type { Log, LogFields } from '../log.ts';
import { kernelNetwork } from '../net/kernel-network.ts';
import { giveWay, ThreadLink } from '../thread.ts';
import { NfsServer } from './nfs-server.ts';
import type { ControlHandlers, WorkerHandlers, WorkerSettings } from './nfs-service.ts';

/** The entry of a worker thread: an NfsServer that the control thread steers. */

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
giveWay();
const settings = workerData as WorkerSettings;

const log: Log = controlLog({});
const server = new NfsServer({
  ...settings,
  network: kernelNetwork({ clock: systemClock, log }),
  clock: systemClock,
  log,
  observe: (observation) => link.notify('observe', observation),
  active: (activity) => link.notify('active', activity),
});
const handlers: WorkerHandlers = {
  start: () => server.start(),
  publish: (image) => server.publish(image),
  withdraw: (ref) => server.withdraw(ref),
  setClients: (clients) => server.setClients(clients),
  setAddresses: (addresses) => server.setAddresses(addresses),
  close: () => server.close(),
};
const link = new ThreadLink<ControlHandlers>(parentPort, handlers);

/** Lines go to the control thread, which has the one log. */
function controlLog(context: LogFields): Log {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: LogFields, message: string) =>
    link.notify('log', level, { ...context, ...fields }, message);
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => controlLog({ ...context, ...fields }),
  };
}
