import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publishTree } from '../../src/images/publish.ts';
import type { AgentPlaces } from '../../src/agent/run-agent.ts';
import type { RigClient, ServeRig } from './serve-rig.ts';

/** `xl` that keeps its domains in a folder, says what Xen 4.20 says, and takes its time. */
const fakeXl = (dir: string): string => `#!/bin/sh
D=${dir}
next() { echo $(($(cat $D/next) + 1)) | tee $D/next; }
line() { printf '%-40s %5d %5d %5d     -b----       1.0 %s        -                -\\n' $2 $1 128 1 $3; }
id() { awk '{ print $2 }' $D/domains/$1; }
uuid() { awk '{ print $7 }' $D/domains/$1; }
case "$1" in
  list)
    echo 'Name                                        ID   Mem VCPUs	State	Time(s)   UUID                            Reason-Code	Security Label'
    echo 'Domain-0                                     0   512     1     r-----      10.0 00000000-0000-0000-0000-000000000000        -                -'
    cat $D/domains/* 2>/dev/null
    exit 0 ;;
  info)
    echo 'total_memory           : 4096'
    echo 'free_memory            : 3000'
    echo 'nr_cpus                : 4'
    echo 'xen_version            : 4.20.5-pre' ;;
  create)
    name=$(sed -n 's/^name *= *"\\(.*\\)"/\\1/p' "$2")
    uuid=$(sed -n 's/^uuid *= *"\\(.*\\)"/\\1/p' "$2")
    echo "create $name" >>$D/calls
    [ -e "$D/domains/$name" ] && { echo "libxl: error: libxl_create.c:1277:initiate_domain_create: Domain with name \\"$name\\" already exists." >&2; exit 1; }
    sleep $(cat $D/create-seconds)
    id=$(next)
    line $id "$name" "$uuid" >$D/domains/$name
    echo "-----VIRTDOM READY name=$name address=10.77.0.$((100 + id))-----" >>$D/consoles/guest-$name.log ;;
  destroy | shutdown)
    echo "$1 $2" >>$D/calls
    rm -f "$D/domains/$2" ;;
  migrate)
    echo "migrate $4" >>$D/calls
    mkfifo $D/to.$$ $D/from.$$
    sh -c "$5" <$D/to.$$ >$D/from.$$ &
    exec 8>$D/to.$$ 9<$D/from.$$
    read banner <&9 || { echo 'Migration failed, resuming at sender.' >&2; exit 1; }
    { echo "$4 $(uuid "$4")"; head -c 10000000 /dev/zero; sleep $(cat $D/send-seconds); head -c 10000000 /dev/zero; } >&8
    read ready <&9 || { echo 'Migration failed, resuming at sender.' >&2; exit 1; }
    line $(id "$4") "$4--migratedaway" $(uuid "$4") >$D/domains/$4--migratedaway
    rm $D/domains/$4
    echo go >&8
    read report <&9 || { echo '** Migration failed during final handshake **' >&2; exit 1; }
    rm $D/domains/$4--migratedaway ;;
  migrate-receive)
    echo 'xl migration receiver'
    read name uuid || exit 1
    echo "receive $name" >>$D/calls
    id=$(next)
    line $id $name--incoming $uuid >$D/domains/$name--incoming
    [ $(head -c 20000000 | wc -c) = 20000000 ] || { rm $D/domains/$name--incoming; exit 1; }
    echo ready
    read go || { rm $D/domains/$name--incoming; exit 1; }
    line $id $name $uuid >$D/domains/$name
    rm $D/domains/$name--incoming
    echo done ;;
  *) echo "xl: $1 is not imitated" >&2; exit 1 ;;
esac
`;

const entry = join(import.meta.dirname, 'agent-process.ts');

/** A machine that boots as far as its hello, and then runs the real agent over an imitated `xl`. Needs root. */
export class Dom0Rig {
  readonly name: string;
  readonly #rig: ServeRig;
  readonly #client: RigClient;
  readonly #dir: string;
  readonly #places: AgentPlaces;
  #agent: ChildProcess | undefined;

  private constructor(rig: ServeRig, client: RigClient, name: string) {
    this.#rig = rig;
    this.#client = client;
    this.name = name;
    this.#dir = join(rig.dir, name);
    const place = (of: string): string => join(this.#dir, of);
    this.#places = {
      session: place('session.json'),
      record: place('record'),
      images: place('images'),
      consoles: place('consoles'),
      xlLogs: place('xl'),
      properties: place('properties'),
      plugins: place('plugins'),
    };
    for (const folder of ['bin', 'domains', 'consoles', 'xl', 'properties', 'plugins']) mkdirSync(place(folder), { recursive: true });
    writeFileSync(place('bin/xl'), fakeXl(this.#dir), { mode: 0o755 });
    writeFileSync(place('next'), '0\n');
    this.createSeconds = 0;
    this.sendSeconds = 0;
  }

  static async plugIn(rig: ServeRig, name: string, mac: string): Promise<Dom0Rig> {
    return new Dom0Rig(rig, await rig.addClient(mac), name);
  }

  /** How long `xl create` takes from now on. */
  set createSeconds(seconds: number) {
    writeFileSync(join(this.#dir, 'create-seconds'), `${seconds}\n`);
  }

  /** How long `xl migrate` rests with half of the guest sent, from now on. */
  set sendSeconds(seconds: number) {
    writeFileSync(join(this.#dir, 'send-seconds'), `${seconds}\n`);
  }

  /** What `xl` was asked to change, in order. */
  get calls(): readonly string[] {
    const file = join(this.#dir, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  }

  get domains(): readonly string[] {
    return readdirSync(join(this.#dir, 'domains')).sort();
  }

  /** The uuid of a domain, as `xl list` says it. */
  identityOf(domain: string): string | undefined {
    return readFileSync(join(this.#dir, 'domains', domain), 'utf8').split(/\s+/)[6];
  }

  /** DHCP as a PXE ROM, its menu over HTTP, and a hello with the token in it: a new boot, as the server sees it. */
  async boot(server: string): Promise<void> {
    const bound = await this.#client.udhcpc({ classId: 'PXEClient:Arch:00000:UNDI:002001' });
    const [, address] = /bound (\S+) from/.exec(bound.text) ?? [];
    if (address === undefined) throw new Error(`${this.name} got no lease: ${bound.text}`);
    const { network } = this.#client;
    await network.ip('address', 'replace', `${address}/24`, 'dev', 'eth0');
    // Where an agent looks for the address of its host.
    await network.ip('link', 'delete', 'xenbr0').catch(() => undefined);
    await network.ip('link', 'add', 'xenbr0', 'up', 'type', 'veth', 'peer', 'name', 'carrier');
    await network.ip('link', 'set', 'dev', 'carrier', 'up');
    await network.ip('address', 'add', `${address}/32`, 'dev', 'xenbr0');
    const menu = await this.#client.run('curl', '-sf', `http://${server}:8080/grub/${this.name}.conf`);
    const [, token] = /virtdom\.token=(\S+)/.exec(menu.text) ?? [];
    if (token === undefined) throw new Error(`${this.name} found no token in its menu (${menu.code}): ${menu.text}`);
    const session = await this.#client.run(
      'curl',
      '-sf',
      '-H',
      `Authorization: Bearer ${token}`,
      '--data-binary',
      'imitated',
      `http://${server}:8080/boot/v1/hello`,
    );
    if (!session.text.startsWith('{')) throw new Error(`${this.name} got no session (${session.code}): ${session.text}`);
    writeFileSync(this.#places.session, session.text, { mode: 0o600 });
  }

  startAgent(): void {
    // `xl` is found where an administrator's own programs are found, and nowhere else: there is an empty folder of this agent's own.
    const script = 'mount -t tmpfs none /usr/local/sbin && cp "$1" /usr/local/sbin/xl && shift && exec "$@"';
    const agent = this.#client.network.spawn(
      ['unshare', '--mount', 'sh', '-c', script, 'sh', join(this.#dir, 'bin/xl'), process.execPath, entry, JSON.stringify(this.#places)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [agent.stdout, agent.stderr]) stream?.on('data', (text) => appendFileSync(join(this.#dir, 'agent.log'), text));
    this.#agent = agent;
  }

  /** `kill -9`. */
  async killAgent(): Promise<void> {
    const agent = this.#agent;
    if (agent === undefined || agent.exitCode !== null || agent.signalCode !== null) return;
    agent.kill('SIGKILL');
    await once(agent, 'exit');
  }

  /** Power off: nothing that ran here runs any more. */
  async powerOff(): Promise<void> {
    await this.killAgent();
    for (const name of this.domains) await this.#rig.network.exec(['rm', '-f', join(this.#dir, 'domains', name)]);
  }
}

/** Versions of images that nobody boots for real. */
export async function publishImitated(rig: ServeRig, image: string): Promise<void> {
  const root = join(rig.dir, `${image}-root`);
  mkdirSync(root, { recursive: true });
  const junk = join(rig.dir, `${image}-junk`);
  writeFileSync(join(root, 'nothing'), `${image}\n`);
  writeFileSync(junk, `no kernel of ${image}\n`.repeat(1000));
  const images = join(rig.dir, 'state/images');
  mkdirSync(images, { recursive: true });
  const bootFiles = { vmlinuz: junk, 'initrd.gz': junk, 'xen.gz': junk };
  await publishTree({ images, image, root, bootFiles, writablePaths: [], recipeSha256: '0'.repeat(64), builtMs: Date.now() });
}
