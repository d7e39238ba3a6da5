import { describe, expect, it } from 'vitest';
import { HeldClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { InterfaceChannel } from '../../src/net/interface-channel.ts';
import { MemoryLan } from '../../src/net/memory-lan.ts';

async function scene() {
  const clock = new HeldClock();
  const lan = new MemoryLan();
  const host = lan.host('10.0.0.5');
  const state = { index: 3, opened: 1, failing: false };
  const channel = new InterfaceChannel({
    name: 'br0',
    index: 3,
    first: await host.bindInterface('br0', 67),
    interfaceIndex: () => state.index,
    reopen: () => {
      if (state.failing) return Promise.reject(new Error('not yet'));
      state.opened++;
      return host.bindInterface('br0', 67);
    },
    clock,
    log: silentLog,
  });
  const heard: string[] = [];
  const errors: string[] = [];
  channel.onDatagram((bytes) => heard.push(Buffer.from(bytes).toString()));
  channel.onError((error) => errors.push(error.message));
  const client = await lan.host().bindInterface('eth0', 68);
  const pass = async (): Promise<void> => {
    clock.advance(1000);
    await lan.settle();
  };
  const say = async (word: string): Promise<void> => {
    client.send(Buffer.from(word), { address: '255.255.255.255', port: 67 });
    await lan.settle();
  };
  return { state, channel, heard, errors, pass, say, clock };
}

describe('InterfaceChannel', () => {
  it('opens its socket anew when the interface came back with another number', async () => {
    const { state, pass, say, heard } = await scene();
    await say('a');
    state.index = 0;
    await pass();
    expect(state.opened).toBe(1);
    state.index = 9;
    await pass();
    expect(state.opened).toBe(2);
    await say('b');
    expect(heard).toEqual(['a', 'b']);
    await pass();
    expect(state.opened).toBe(2);
  });

  it('tries again a second later when the socket cannot be opened yet', async () => {
    const { state, pass, errors } = await scene();
    state.index = 9;
    state.failing = true;
    await pass();
    expect(errors).toEqual(['not yet']);
    state.failing = false;
    await pass();
    expect(state.opened).toBe(2);
  });

  it('watches no more when it is closed', async () => {
    const { state, channel, pass, clock } = await scene();
    await channel.close();
    state.index = 9;
    await pass();
    expect(state.opened).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });
});
