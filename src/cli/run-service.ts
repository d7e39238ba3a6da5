import type { App, AppParts } from '../app.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { jsonLog } from '../log.ts';

/** Runs a service until a signal ends it, or it says that it can go on no longer. */
export async function runService(start: (parts: AppParts) => Promise<App>, config: Config, version: string): Promise<void> {
  const log = jsonLog(config.logLevel);
  const ended = Promise.withResolvers<void>();
  // It is awaited below; a failure while everything starts is told by the start itself.
  ended.promise.catch(() => {});
  const app = await start({ config, version, clock: systemClock, log, onFailure: ended.reject });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      ended.resolve();
    });
  }
  try {
    await ended.promise;
  } finally {
    await app.close();
  }
}
