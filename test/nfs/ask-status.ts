import { mount, NfsClient } from './nfs-client.ts';
import { xdr } from './nfs-rig.ts';

/** Asks as another host would: `handle HOST PATH` prints an export's handle, `getattr HOST HANDLE` the status of a GETATTR. */
const [what, host = '', argument = ''] = process.argv.slice(2);
if (what === 'handle') process.stdout.write((await mount(20_048, argument, host)).toString('hex'));
else {
  const client = await NfsClient.to(2049, host);
  process.stdout.write(String((await client.ask(100_003, 3, 1, xdr(Buffer.from(argument, 'hex')))).u32()));
  client.close();
}
