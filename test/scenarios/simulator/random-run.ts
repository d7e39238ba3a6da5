import type { Host } from '../../../src/model/host.ts';
import type { Vm } from '../../../src/model/vm.ts';
import type { Cluster, Document } from './cluster.ts';
import { clusterOf } from './cluster.ts';
import { happen } from './happening.ts';
import type { Happening } from './happening.ts';
import { Random } from './random.ts';
import type { StoreFault } from './durable-records.ts';
import type { CutWay } from './network.ts';
import type { XlCall, XlFault } from './sim-host.ts';
import type { KillPoint } from './sim-manager.ts';
import { Simulator } from './simulator.ts';

export interface RandomRun {
  readonly seed: number;
  readonly hours: number;
  readonly lines: readonly string[];
  /** What was wrong: broken rules, or a farm that does not come to rest when all is well again. */
  readonly problems: readonly string[];
  readonly starts: number;
  readonly moves: number;
}

/** Everything that goes wrong may do so twice; in the end all is well for this long, and the farm must come to rest. */
const restSeconds = 1500;

export async function runRandomly(seed: number, hours: number, change: (sim: Simulator) => void = () => {}): Promise<RandomRun> {
  const random = new Random(seed);
  const sim = new Simulator(randomCluster(random));
  sim.invariants.settleMs = Infinity;
  change(sim);
  const slow = new Random(seed + 1);
  sim.broker.setDelay(() => (slow.chance(0.02) ? slow.between(0, 2000) : slow.between(1, 20)));
  try {
    for (const name of sim.cluster.managers) happen(sim, { what: 'start-manager', manager: name });
    for (const { name } of sim.cluster.hosts) if (random.chance(0.8)) happen(sim, { what: 'power-on', machine: name });
    const end = hours * 3600;
    for (let at = random.between(1, 120); at < end; at += random.chance(0.3) ? random.between(0, 2) : random.between(2, 40)) {
      await sim.runUntil(at);
      if (sim.invariants.breaches.length > 0) break;
      const event = randomHappening(sim, random);
      if (event !== undefined) happen(sim, event);
    }
    const problems = sim.invariants.breaches.map(({ rule, detail }) => `${rule}: ${detail}`);
    if (problems.length === 0) problems.push(...(await comesToRest(sim)));
    return { seed, hours, problems, lines: sim.world.lines, ...counted(sim.world.lines) };
  } finally {
    await sim.end();
  }
}

function counted(lines: readonly string[]): { readonly starts: number; readonly moves: number } {
  const of = (words: RegExp) => lines.filter((line) => words.test(line)).length;
  return { starts: of(/: domain \S+ starts/), moves: of(/: domain \S+ moves/) };
}

function randomCluster(random: Random): Cluster {
  const external = random.chance(0.6);
  const hosts = Object.fromEntries(
    Array.from({ length: random.whole(2, 5) }, (_, index) => [
      `post0${index + 1}`,
      {
        memoryMib: random.pick([2048, 4096]),
        power: random.chance(0.5),
        bootSeconds: random.whole(8, 60),
        createSeconds: random.between(0.5, 9),
        guestSeconds: random.whole(1, 20),
        clockRate: random.between(0.99, 1.01),
      },
    ]),
  );
  const documents: Document[] = [
    {
      kind: 'Environment',
      name: 'gateway',
      instances: 'at-most-one',
      image: 'gateway',
      memoryMib: 512,
      count: random.whole(1, 2),
      priority: 5,
    },
    {
      kind: 'Environment',
      name: 'worker',
      instances: 'at-least-one',
      image: 'worker',
      memoryMib: 256,
      count: { min: 1, max: random.whole(2, 5) },
      constraints: { spread: random.chance(0.5) },
      networks: [{ bridge: 'inner', address: 'dhcp' }],
    },
    { kind: 'Role', name: 'farm', environments: ['gateway', 'worker'], networks: [{ bridge: 'inner', vlan: 12 }], match: {} },
  ];
  return clusterOf({
    bus: external ? 'external' : 'embedded',
    managers: external && random.chance(0.5) ? ['server1', 'server2'] : ['server1'],
    hosts,
    documents,
  });
}

/** What the role may define for its hosts. */
const sets = [[], ['ram_free'], ['ram_free', 'ram_total']].map((names) =>
  names.map((name) => ({ name, command: 'ram', parameters: name === 'ram_free' ? 'MemFree' : 'MemTotal', return_type: 'int', ticks: 300 })),
);

/** One thing that may happen now; a person's word about a dead machine is always true. */
function randomHappening(sim: Simulator, random: Random): Happening | undefined {
  const machine = random.pick(sim.cluster.hosts).name;
  const manager = random.pick(sim.cluster.managers);
  const host = sim.world.host(machine);
  const who = random.chance(0.85) ? machine : manager;
  const vm = anyVm(sim, random);
  const message = random.pick([
    { kind: 'EXECUTE' },
    { kind: 'EXECUTE', command: 'vm.create' },
    { kind: 'EXECVAL' },
    { kind: 'EXECERR' },
    { kind: 'CONTROLVAL' },
    { kind: 'CONTROL' },
    { kind: 'CONTROL', action: 'properties' },
  ]);
  const choices: (readonly [number, Happening | undefined])[] = [
    [8, { what: 'power-on', machine }],
    [2, { what: 'power-off', machine }],
    [3, { what: 'crash', machine }],
    [4, { what: 'reset', machine }],
    [6, { what: 'cut', who, way: random.pick<CutWay>(['both', 'both', 'to', 'from']) }],
    [10, { what: 'heal', who: random.pick([...sim.network.cutNames(), who]) }],
    [2, { what: 'freeze', who }],
    [5, { what: 'thaw', who }],
    [3, { what: 'kill-agent', machine }],
    [6, { what: 'start-agent', machine }],
    [2, { what: 'kill-manager', manager }],
    [8, { what: 'start-manager', manager }],
    [
      4,
      {
        what: 'kill-manager-at',
        manager,
        point: random.pick<KillPoint>(['before-claim', 'after-claim', 'before-answer', 'after-answer']),
        backAfter: random.whole(1, 90),
      },
    ],
    [
      3,
      {
        what: 'freeze-manager-at',
        manager,
        point: random.pick<KillPoint>(['before-claim', 'after-claim', 'before-answer', 'after-answer']),
        seconds: random.whole(1, 150),
      },
    ],
    [2, { what: 'kill-manager-when', manager, message: { kind: 'EXECUTE', command: 'vm.create' }, backAfter: random.whole(1, 90) }],
    [2, { what: 'kill-agent-when', machine, message: { kind: 'EXECUTE' }, backAfter: random.whole(1, 60) }],
    [2, sim.cluster.bus === 'external' ? { what: 'broker-down', forget: random.chance(0.3) } : undefined],
    [6, sim.cluster.bus === 'external' ? { what: 'broker-up' } : undefined],
    [5, { what: 'message', fault: 'lose', match: message, times: random.whole(1, 3) }],
    [4, { what: 'message', fault: 'duplicate', match: message, times: random.whole(1, 3) }],
    [5, { what: 'message', fault: 'delay', match: message, seconds: random.between(1, 120) }],
    [
      5,
      {
        what: 'xl',
        machine,
        call: random.pick<XlCall>(['create', 'create', 'destroy', 'shutdown', 'migrate', 'list']),
        how: random.pick<XlFault>(['fail', 'hang', 'mute', 'fail-late']),
        times: random.whole(1, 3),
      },
    ],
    [
      4,
      vm === undefined
        ? undefined
        : { what: 'guest', vm, does: random.pick(['crash', 'halt', 'blink'] as const), seconds: random.between(1, 2) },
    ],
    [3, { what: 'store', manager, how: random.pick<StoreFault>(['fail', 'slow', 'lose-answer']), times: random.whole(1, 3) }],
    [
      2,
      sim.power.has(machine)
        ? { what: 'power-answers', machine, how: random.pick(['truth', 'truth', 'unknown', 'stuck'] as const) }
        : undefined,
    ],
    [3, { what: 'ask', ask: { to: 'scale', environment: 'worker', count: random.whole(1, 5) } }],
    [2, { what: 'ask', ask: { to: 'drain', machine } }],
    [4, { what: 'ask', ask: { to: 'undrain', machine } }],
    [
      3,
      host.phase === 'off' || host.phase === 'crashed' ? { what: 'ask', ask: { to: 'confirm-dead', machine, typed: machine } } : undefined,
    ],
    [3, vm === undefined ? undefined : { what: 'ask', ask: { to: 'migrate', vm, machine } }],
    [2, vm === undefined ? undefined : { what: 'ask', ask: { to: random.pick(['destroy', 'shutdown', 'reboot', 'clear'] as const), vm } }],
    [1, { what: 'ask', ask: { to: 'reboot-host', machine } }],
    [1, { what: 'put', document: { kind: 'Role', name: 'farm', networks: [{ bridge: 'inner', vlan: random.pick([12, 13]) }] } }],
    [2, { what: 'put', document: { kind: 'Role', name: 'farm', properties: random.pick(sets) } }],
    [1, { what: 'ask', ask: { to: 'hold', reason: 'a person said so' } }],
    [2, { what: 'ask', ask: { to: 'hold' } }],
  ];
  const chosen = random.weighed(choices);
  return chosen?.what === 'guest' && !mayHappenTo(sim, chosen.vm) ? undefined : chosen;
}

/** A guest that reboots twice within five seconds may be missed at two looks: that is known, and no guest of ours reboots itself. */
function mayHappenTo(sim: Simulator, vm: string): boolean {
  const found = sim.world.live().find(({ domain }) => domain.name === vm);
  return found !== undefined && sim.world.elapsedMs - found.domain.hiddenUntilMs > 10_000;
}

function anyVm(sim: Simulator, random: Random): string | undefined {
  const vms = sim.invariants.vms();
  return vms.length === 0 ? undefined : random.pick(vms).name;
}

/** Everything is repaired, and after a while all that is wanted runs once, and every claim is a domain's. */
async function comesToRest(sim: Simulator): Promise<readonly string[]> {
  const { world } = sim;
  world.say('world', 'all is well again');
  sim.messages.clear();
  for (const manager of sim.managers.values()) manager.clearFaults();
  for (const who of sim.network.cutNames()) happen(sim, { what: 'heal', who });
  for (const who of [...sim.managers.keys(), ...sim.agents.keys()]) happen(sim, { what: 'thaw', who });
  if (sim.cluster.bus === 'external') happen(sim, { what: 'broker-up' });
  for (const manager of sim.managers.keys()) happen(sim, { what: 'start-manager', manager });
  for (const machine of sim.agents.keys()) {
    if (sim.power.has(machine)) happen(sim, { what: 'power-answers', machine, how: 'truth' });
    happen(sim, { what: 'xl-well', machine });
    if (world.host(machine).phase === 'crashed') happen(sim, { what: 'reset', machine });
    happen(sim, { what: 'power-on', machine });
    happen(sim, { what: 'start-agent', machine });
  }
  const restFrom = world.elapsedMs / 1000;
  await sim.runUntil(restFrom + 180);
  for (const machine of sim.agents.keys()) happen(sim, { what: 'ask', ask: { to: 'undrain', machine } });
  happen(sim, { what: 'ask', ask: { to: 'hold' } });
  for (const at of [200, 500, 800]) {
    await sim.runUntil(restFrom + at);
    for (const vm of sim.invariants.vms()) if (vm.state === 'error') happen(sim, { what: 'ask', ask: { to: 'clear', vm: vm.name } });
  }
  await sim.runUntil(restFrom + restSeconds);
  return [...sim.invariants.breaches.map(({ rule, detail }) => `${rule}: ${detail}`), ...restless(sim)];
}

function restless(sim: Simulator): readonly string[] {
  const manager = sim.asked();
  if (manager === undefined) return ['no manager runs'];
  const problems: string[] = [];
  const vms = sim.invariants.vms();
  for (const vm of vms) problems.push(...unmatched(sim, vm));
  problems.push(...misled(sim, manager.hosts()));
  const room = sim.cluster.hosts.reduce((sum, { memoryMib }) => sum + memoryMib, 0) >= 6144;
  for (const { environment, wanted, state, reason } of manager.environments()) {
    const mine = new Set(vms.filter((vm) => vm.environment === environment.name).map(({ name }) => name));
    const live = sim.world.live().filter(({ domain }) => mine.has(domain.name)).length;
    if (live > wanted || (room && live < wanted))
      problems.push(`${environment.name}: ${live} run and ${wanted} are wanted (${state}: ${reason})`);
  }
  return problems;
}

/** Hosts whose agents extract something else than their role defines. */
function misled(sim: Simulator, hosts: readonly Host[]): readonly string[] {
  const wanted = sim.documents.current.roles.flatMap(({ properties }) => properties.map(({ name }) => name)).join(', ');
  return hosts.flatMap(({ name, state }) => {
    const extracted = sim.agent(name).sentProperties.join(', ');
    return state !== 'online' || extracted === wanted ? [] : [`${name} extracts [${extracted}], and its role defines [${wanted}]`];
  });
}

function unmatched(sim: Simulator, vm: Vm): readonly string[] {
  const claimed = vm.claims.map(({ host }) => host).join(' and ');
  const lives = sim.world
    .live()
    .filter(({ domain }) => domain.name === vm.name)
    .map(({ host }) => host.name)
    .join(' and ');
  return claimed === lives
    ? []
    : [`${vm.name} (${vm.state}: ${vm.reason}) is claimed by ${claimed || 'nobody'} and lives on ${lives || 'no host'}`];
}
