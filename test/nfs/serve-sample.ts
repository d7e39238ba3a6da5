import { jsonLog } from '../../src/log.ts';
import { systemClock } from '../../src/clock.ts';
import { kernelNetwork } from '../../src/net/kernel-network.ts';
import { NfsService } from '../../src/nfs/nfs-service.ts';
import { sampleImage } from './sample-image.ts';

/**
 * The real service with the sample image, as a process of its own, for peers in a network namespace. Arguments: a folder for
 * the blobs, the networks that may read (by commas), our addresses (by commas). Ends when its standard input does.
 */
const [dir = '', readers = '', addresses = ''] = process.argv.slice(2);
const log = jsonLog('info');
const service = new NfsService(
  { port: 2049, mountPort: 20_048, portmap: 'own', workers: 2, handleKey: Buffer.alloc(32, 7), addresses: addresses.split(',') },
  {
    observer: { observe: (observation) => log.info({ observation }, 'observed') },
    network: kernelNetwork({ clock: systemClock, log }),
    clock: systemClock,
    log,
  },
);
await service.start();
await service.publish(sampleImage(dir, readers.split(',')));
log.info({}, 'ready');
process.stdin.on('end', () => void service.close().then(() => log.info({}, 'closed')));
process.stdin.resume();
