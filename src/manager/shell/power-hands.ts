import type { Clock } from '../../clock.ts';
import type { PowerAsk } from '../draft.ts';
import type { PowerControl, PowerReading } from '../surroundings.ts';

const mostMs = 120_000;

/** Does what was asked of a machine's power, and reads it back. It always answers, at the latest with `unknown`. */
export async function askPower(power: PowerControl, clock: Clock, ask: PowerAsk): Promise<PowerReading> {
  const { promise: late, resolve } = Promise.withResolvers<PowerReading>();
  const timer = clock.after(mostMs, () =>
    resolve({ kind: 'unknown', reason: `its power control did not answer within ${mostMs / 1000} s` }),
  );
  try {
    return await Promise.race([late, act(power, ask)]);
  } catch (error) {
    return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) };
  } finally {
    timer.cancel();
  }
}

async function act(power: PowerControl, { host, action }: PowerAsk): Promise<PowerReading> {
  if (action !== 'fence') return power.switch(host, action);
  const before = await power.read(host);
  return before.kind === 'off' ? before : power.switch(host, 'off');
}
