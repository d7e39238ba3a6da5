import type { Static } from 'typebox';
import { checked, choice, ipv4, matching, name, path, port, section, text, whole } from '../documents/shapes.ts';
import { Type } from 'typebox';

const brokerUrl = checked('mqtts://HOST:PORT or mqtt://HOST:PORT, without user and password', (value) => {
  const url = URL.parse(value);
  return url !== null && ['mqtt:', 'mqtts:'].includes(url.protocol) && url.hostname !== '' && url.username === '' && url.password === '';
});

/** virtdom.yaml: what one process needs. */
export const processSchema = section('What one virtdom process needs.', {
  stateDir: path('Where the database, images and boot loaders are kept.', { default: '/var/lib/virtdom' }),
  runtimeDir: path('Where locks and sockets are kept while virtdom runs.', { default: '/run/virtdom' }),
  serverName: Type.Optional(
    name('What this server calls itself among those on one database: each needs a name of its own.', { defaultText: 'the host name' }),
  ),
  database: Type.Optional(
    checked(
      'the path of an SQLite database on a local disk, or postgres://USER@HOST/DATABASE',
      (value) => !isUrl(value) || isPostgres(value),
    )('Where objects, leases and histories are kept. A password belongs into the variable or into PGPASSFILE, not into this file.', {
      defaultText: '`virtdom.db` in `stateDir`',
      isPath: true,
    }),
  ),
  templatesDir: Type.Optional(path('Where menu templates are read from.', { defaultText: 'those that come with virtdom' })),
  objects: Type.Optional(
    path('The file of subnets, profiles and machines that an empty database begins with. Later `virtdom apply -f` changes them.', {
      defaultText: '`lab.yaml` beside this file, where there is one',
    }),
  ),
  user: Type.Optional(
    matching(
      /^[a-z_][a-z0-9_-]{0,31}$/,
      'the name of a user of this system',
    )(
      'The user to run as. Whoever it is, of the rights of root only two capabilities are kept: NET_BIND_SERVICE and NET_RAW. Without it virtdom stays the user that it was started as.',
    ),
  ),
  logLevel: choice('The least important lines that are logged.', ['debug', 'info', 'warn', 'error', 'silent'], 'info'),
  dhcp: section('The DHCP server.', { port: port('The UDP port that clients ask on.', 67) }, true),
  tftp: section(
    'The TFTP server.',
    {
      port: port('The UDP port that clients ask on.', 69),
      maxBlockBytes: whole('The largest block that is agreed to (RFC 2348). 1468 fits an Ethernet frame.', 512, 65_464, { default: 1468 }),
      maxTransfers: whole(
        'How many transfers run at a time; one more takes the place of the oldest whose client never acknowledged a block, or waits for one that ends.',
        1,
        65_535,
        { default: 2048 },
      ),
    },
    true,
  ),
  http: section('The boot HTTP server.', { port: port('The TCP port that loaders and agents use.', 8080) }, true),
  nfs: section(
    'The NFS server.',
    {
      port: port('The TCP and UDP port of NFS version 3.', 2049),
      mountPort: port('The TCP and UDP port of the MOUNT protocol.', 20_048),
      portmap: choice(
        'Port 111: answer it ourselves, register with the rpcbind that has it, or leave it alone.',
        ['own', 'register', 'off'],
        'own',
      ),
      workers: Type.Optional(whole('Threads that serve files.', 1, 64, { defaultText: 'one for each core' })),
    },
    true,
  ),
  api: section(
    'The admin API. It always listens on the unix socket `api.sock` in `runtimeDir`.',
    {
      port: Type.Optional(port('A TCP port to listen on as well.')),
      address: ipv4('The address of that port. Without a certificate it must be one of 127.0.0.0/8.', { default: '127.0.0.1' }),
      certificate: Type.Optional(path('The certificate of that port, with its chain, PEM.')),
      key: Type.Optional(path('The key of the certificate, PEM.')),
    },
    true,
  ),
  manager: section(
    'The VM manager, which gives Dom0s their roles and starts VMs on them.',
    {
      run: choice(
        '`inside` runs it in `virtdom serve`; `apart` leaves it to `virtdom manager` on the same database; `off`: machines boot, and nothing starts VMs.',
        ['inside', 'apart', 'off'],
        'inside',
      ),
    },
    true,
  ),
  bus: section(
    'The message bus between the manager and the agents on the Dom0s.',
    {
      url: Type.Optional(
        brokerUrl('An MQTT 3.1.1 broker of yours. Without it the manager has a broker of its own.', { defaultText: 'our own broker' }),
      ),
      username: Type.Optional(text('Who the manager is at that broker.')),
      passwordFile: Type.Optional(path('The file of its password there, readable by the owner alone.')),
      ca: Type.Optional(path('The certificates that its certificate must come from, PEM.', { defaultText: 'those of the system' })),
      port: port('The TCP port of our own broker. It speaks TLS with a key of each boot, so there is no certificate.', 8883),
      address: ipv4('The address of our own broker.', { default: '0.0.0.0' }),
      agents: section(
        'How agents reach the broker, where it is another way than ours.',
        {
          url: Type.Optional(
            brokerUrl('The broker as agents see it.', {
              defaultText: '`url`, or our own broker on the address that the machine booted from',
            }),
          ),
          username: Type.Optional(
            text(
              'Who agents are at a broker of yours; `{machine}` stands for the name of each, with tildes for dots as in its topics.',
              'text',
              { defaultText: '`{machine}`' },
            ),
          ),
          passwordFile: Type.Optional(
            path('The file of their password there, with `{machine}` in it one for each. Whoever is root on a Dom0 can read its own.', {
              defaultText: 'a password of each boot, which the broker has to check',
            }),
          ),
        },
        true,
      ),
    },
    true,
  ),
  keep: section(
    'For how many days histories are kept.',
    {
      attemptDays: whole('Boot attempts. The newest one of each machine always stays.', 1, 36_500, { default: 90 }),
      commandDays: whole('Commands to agents, after they have ended.', 1, 36_500, { default: 7 }),
      eventDays: whole('Events.', 1, 36_500, { default: 30 }),
      auditDays: whole('The audit log.', 1, 36_500, { default: 365 }),
    },
    true,
  ),
});

function isUrl(value: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(value);
}

function isPostgres(value: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(value) && URL.canParse(value);
}

export type ProcessSettings = Static<typeof processSchema>;
