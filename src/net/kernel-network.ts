import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Ipv4 } from '../model/ipv4.ts';
import { describeBindFailure } from './bind-failure.ts';
import { DgramChannel } from './dgram-channel.ts';
import { InterfaceChannel } from './interface-channel.ts';
import { interfaceIndex, openUdpSocket, type SocketWish } from './kernel-socket.ts';
import type { UdpChannel, UdpNetwork } from './udp-channel.ts';

export interface KernelNetworkOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Asked for each socket, receive and send; the kernel may give less (net.core.rmem_max). */
  readonly bufferBytes?: number;
}

/**
 * The machine's own UDP. A port that a stranger holds is refused even where he would share it (SO_REUSEADDR): two DHCP
 * servers on one port is an accident. Methods reject with BindFailure.
 */
export function kernelNetwork({ clock, log, bufferBytes = 4 * 1024 * 1024 }: KernelNetworkOptions): UdpNetwork {
  const ours = new Map<number, number>();

  // A free port must be ours alone: with SO_REUSEADDR the kernel may choose one that a transfer of ours has already.
  async function open(wish: Omit<SocketWish, 'join' | 'bufferBytes'>): Promise<DgramChannel> {
    try {
      return await DgramChannel.adopt(openUdpSocket({ ...wish, join: wish.port !== 0 && (ours.get(wish.port) ?? 0) > 0, bufferBytes }));
    } catch (error) {
      throw describeBindFailure(error, { protocol: 'udp', ...wish });
    }
  }

  /** While a channel of ours is open, the next one may share its port. */
  function counted<Channel extends UdpChannel>(channel: Channel): Channel {
    const { port } = channel.local;
    ours.set(port, (ours.get(port) ?? 0) + 1);
    const close = channel.close.bind(channel);
    let counts = true;
    channel.close = () => {
      if (counts) ours.set(port, (ours.get(port) ?? 1) - 1);
      counts = false;
      return close();
    };
    return channel;
  }

  return {
    async bindInterface(name, port) {
      const reopen = (): Promise<DgramChannel> => open({ interface: name, address: '0.0.0.0', port });
      const index = interfaceIndex(name);
      return counted(new InterfaceChannel({ name, index, first: await reopen(), reopen, interfaceIndex, clock, log }));
    },
    async bindAddress(address: Ipv4, port: number) {
      return counted(await open({ address, port }));
    },
  };
}
