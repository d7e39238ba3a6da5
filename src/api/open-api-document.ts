import { silentLog } from '../log.ts';
import { systemClock } from '../clock.ts';
import { buildApi } from './build-api.ts';
import type { ControlPlane } from './control-plane.ts';

/** The document of all routes, without a service: what is committed, compared and served. */
export async function openApiDocument(version = '0.1.0'): Promise<object> {
  // No route touches the plane before a request. That it has boots gives it the routes of a process that boots machines.
  const api = await buildApi({ clock: systemClock, log: silentLog, boots: {} } as ControlPlane, { version });
  await api.ready();
  const document = api.swagger();
  await api.close();
  return document;
}
