import type { Asked, AskedBy, HostAnswer, ManagerControl } from '../../../src/manager/manager-control.ts';
import type { Document } from './cluster.ts';
import type { StoreFault } from './durable-records.ts';
import type { MessageMatch } from './message-faults.ts';
import type { CutWay } from './network.ts';
import type { PowerAnswers } from './power-controls.ts';
import type { MessageFault } from './process-bus.ts';
import type { XlCall, XlFault } from './sim-host.ts';
import type { KillPoint } from './sim-manager.ts';
import type { Simulator } from './simulator.ts';

/** What may happen in a scenario, each with what it needs to be told. docs/scenarios.md lists them for people. */
export type Happening =
  | { readonly what: 'power-on' | 'power-off' | 'crash' | 'reset'; readonly machine: string }
  | { readonly what: 'cut'; readonly who: string; readonly way?: CutWay }
  | { readonly what: 'heal' | 'freeze' | 'thaw'; readonly who: string }
  | { readonly what: 'kill-agent' | 'start-agent'; readonly machine: string }
  | { readonly what: 'kill-agent-when'; readonly machine: string; readonly message: MessageMatch; readonly backAfter?: number }
  | { readonly what: 'start-manager' | 'kill-manager'; readonly manager?: string }
  | {
      readonly what: 'kill-manager-at';
      readonly point: KillPoint;
      readonly vm?: string;
      readonly manager?: string;
      readonly backAfter?: number;
    }
  | { readonly what: 'freeze-manager-at'; readonly point: KillPoint; readonly seconds: number; readonly manager?: string }
  | { readonly what: 'kill-manager-when'; readonly message: MessageMatch; readonly manager?: string; readonly backAfter?: number }
  | { readonly what: 'broker-down' | 'broker-up'; readonly forget?: boolean }
  | {
      readonly what: 'message';
      readonly fault: MessageFault;
      readonly match: MessageMatch;
      readonly times?: number;
      readonly seconds?: number;
    }
  | {
      readonly what: 'xl';
      readonly machine: string;
      readonly call: XlCall;
      readonly how: XlFault;
      readonly times?: number;
      readonly reason?: string;
    }
  | { readonly what: 'xl-well' | 'blind' | 'invent-boot'; readonly machine: string }
  | { readonly what: 'guest'; readonly vm: string; readonly does: 'crash' | 'halt' | 'blink'; readonly seconds?: number }
  | { readonly what: 'stray'; readonly machine: string; readonly name: string; readonly memoryMib?: number }
  | { readonly what: 'store'; readonly how: StoreFault; readonly manager?: string; readonly times?: number }
  | { readonly what: 'power-answers'; readonly machine: string; readonly how: PowerAnswers }
  | { readonly what: 'property'; readonly machine: string; readonly name: string; readonly value: number }
  | { readonly what: 'put'; readonly document: Document }
  | { readonly what: 'remove'; readonly kind: string; readonly name: string }
  | { readonly what: 'ask'; readonly ask: Question };

/** What an operator asks of the manager. */
export type Question =
  | { readonly to: 'scale'; readonly environment: string; readonly count: number }
  | { readonly to: 'pause'; readonly environment: string; readonly paused: boolean }
  | { readonly to: 'drain' | 'undrain'; readonly machine: string }
  | { readonly to: 'drain-together'; readonly machines: readonly string[] }
  | { readonly to: 'confirm-dead'; readonly machine: string; readonly typed: string }
  | { readonly to: 'set-role'; readonly machine: string; readonly role?: string }
  | { readonly to: 'clear' | 'destroy' | 'shutdown' | 'reboot'; readonly vm: string }
  | { readonly to: 'migrate'; readonly vm: string; readonly machine: string }
  | { readonly to: 'hold'; readonly reason?: string }
  | { readonly to: 'reboot-host'; readonly machine: string }
  | { readonly to: 'explain'; readonly vm: string }
  | { readonly to: 'plan'; readonly environment?: string };

export function happen(sim: Simulator, event: Happening): void {
  const { world } = sim;
  switch (event.what) {
    case 'power-on':
      return world.host(event.machine).powerOn();
    case 'power-off':
      return world.host(event.machine).powerOff();
    case 'crash':
      return world.host(event.machine).crash();
    case 'reset':
      return world.host(event.machine).reset();
    case 'cut':
      world.say('network', `${cutWords[event.way ?? 'both']} ${event.who}`);
      return sim.network.cut(event.who, event.way ?? 'both');
    case 'heal':
      world.say('network', `${event.who} is connected again`);
      return sim.network.heal(event.who);
    case 'freeze':
      world.say(event.who, 'stands still');
      return sim.freeze(event.who);
    case 'thaw':
      world.say(event.who, 'goes on');
      return sim.thaw(event.who);
    case 'kill-agent':
      return sim.agent(event.machine).kill('its agent is killed');
    case 'kill-agent-when':
      return sim.messages.trap({ ...event.message, to: event.machine }, () => {
        sim.agent(event.machine).kill('its agent is killed', event.backAfter);
      });
    case 'start-agent':
      return sim.agent(event.machine).start();
    case 'start-manager':
      return sim.manager(event.manager).start();
    case 'kill-manager':
      return sim.manager(event.manager).kill();
    case 'kill-manager-at':
      return sim.manager(event.manager).killAt(event.point, event.vm, event.backAfter);
    case 'freeze-manager-at':
      return sim.manager(event.manager).freezeAt(event.point, event.seconds);
    case 'kill-manager-when':
      return sim.messages.trap(event.message, () => {
        sim.manager(event.manager).kill('is killed', event.backAfter);
      });
    case 'broker-down':
    case 'broker-up':
      return sim.setBroker(event.what === 'broker-up', event.forget ?? false);
    case 'message':
      return sim.messages.plan(event.fault, event.match, event.times ?? 1, event.seconds ?? 0);
    case 'xl':
      return world.host(event.machine).fault(event.call, event.how, event.times ?? 1, event.reason ?? 'xl says no');
    case 'xl-well':
      return world.host(event.machine).clearFaults();
    case 'blind':
      world.say(event.machine, 'its agent sees no domains any more');
      world.host(event.machine).blind = true;
      return undefined;
    case 'invent-boot':
      world.say(event.machine, 'a boot of it is invented');
      return void sim.boots.add({ machine: event.machine, attempt: sim.newId(), redeemedMs: world.clock.now() });
    case 'guest':
      return guestDoes(sim, event);
    case 'stray':
      return world
        .host(event.machine)
        .addStray({ name: event.name, uuid: '00000000-0000-4000-8000-00000000dead', memoryMib: event.memoryMib ?? 256, vcpus: 1 });
    case 'store':
      return sim.manager(event.manager).fault(event.how, event.times ?? 1);
    case 'power-answers':
      return sim.power.answer(event.machine, event.how);
    case 'property':
      return sim.agent(event.machine).setProperty(event.name, event.value);
    case 'put':
      world.say('operator', `changes ${event.document.kind} ${event.document.name}`);
      return sim.documents.put(event.document);
    case 'remove':
      world.say('operator', `removes ${event.kind} ${event.name}`);
      return sim.documents.remove(event.kind, event.name);
    case 'ask':
      return ask(sim, event.ask);
    default:
      throw new Error(`a scenario cannot ${String((event as { readonly what: unknown }).what)}`);
  }
}

const cutWords: Readonly<Record<CutWay, string>> = { both: 'cuts off', to: 'loses all that goes to', from: 'loses all that comes from' };

function guestDoes({ world }: Simulator, event: Extract<Happening, { what: 'guest' }>): void {
  const host = world.whereLives(event.vm);
  if (event.does === 'blink') host.blink(event.vm, event.seconds ?? 2);
  else host.endGuest(event.vm, event.does === 'crash' ? 'crashes' : 'halts');
}

/** The answer stands in the log when it comes. */
function ask(sim: Simulator, question: Question): void {
  const { to, ...rest } = question;
  const words = ['asks', to, ...Object.values(rest)].join(' ');
  const manager = sim.asked();
  if (manager === undefined) {
    sim.world.say('operator', `${words}: nobody answers`);
    return;
  }
  if (question.to === 'explain' || question.to === 'plan') {
    for (const line of read(manager, question)) sim.world.say('operator', `${words}: ${line}`);
    return;
  }
  const say = (answer: string) => sim.world.say('operator', `${words}: ${answer}`);
  askOf(manager, question).then(
    (answer) => say(answered(answer)),
    (error: unknown) => say(`fails: ${error instanceof Error ? error.message : String(error)}`),
  );
}

function answered(answer: Asked<unknown>): string {
  if (answer.kind === 'refused') return `refused: ${answer.reason}`;
  if (answer.kind === 'not-found') return `not found: ${answer.what}`;
  return ['done', ...(answer.notes ?? [])].join('; ');
}

function read(manager: ManagerControl, question: Extract<Question, { to: 'explain' | 'plan' }>): readonly string[] {
  if (question.to === 'explain')
    return manager.explainVm(question.vm)?.map(({ about, verdict, reason }) => `${about} ${verdict}: ${reason}`) ?? ['there is no such VM'];
  const plan = manager.plan(question.environment === undefined ? {} : { environment: question.environment });
  const steps = plan.steps.map(({ action, vm, host, reason }) => `${action} ${vm}${host === undefined ? '' : ` on ${host}`}: ${reason}`);
  return [...steps, ...plan.notes.map(({ about, reason }) => `${about}: ${reason}`)];
}

async function askOf(manager: ManagerControl, question: Exclude<Question, { to: 'explain' | 'plan' }>): Promise<Asked<unknown>> {
  const by: AskedBy = { author: 'anna' };
  switch (question.to) {
    case 'scale':
      return await manager.scale(question.environment, question.count, by);
    case 'pause':
      return await manager.pauseEnvironment(question.environment, question.paused, by);
    case 'drain':
      return await manager.setDuty(question.machine, 'draining', by);
    case 'undrain':
      return await manager.setDuty(question.machine, 'active', by);
    case 'drain-together':
      return withNotesOfEach(await manager.setDuties(question.machines, 'draining', by));
    case 'confirm-dead':
      return await manager.confirmDead(question.machine, question.typed, by);
    case 'set-role':
      return await manager.setRole(question.machine, question.role, by);
    case 'clear':
      return await manager.clearVm(question.vm, by);
    case 'destroy':
    case 'shutdown':
      return await manager.stopVm(question.vm, question.to, by);
    case 'reboot':
      return await manager.rebootVm(question.vm, by);
    case 'migrate':
      return await manager.migrateVm(question.vm, question.machine, by);
    case 'hold':
      return await manager.hold(question.reason, by);
    case 'reboot-host':
      return await manager.rebootHost(question.machine, by);
  }
}

function withNotesOfEach(asked: Asked<readonly HostAnswer[]>): Asked<unknown> {
  if (asked.kind !== 'done') return asked;
  const notes = asked.result.flatMap(({ host, answer }) =>
    answer.kind === 'done' ? (answer.notes ?? []) : [`${host} ${answered(answer)}`],
  );
  return { ...asked, notes };
}
