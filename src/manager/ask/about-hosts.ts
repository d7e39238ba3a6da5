import type { Host } from '../../model/host.ts';
import type { Vm } from '../../model/vm.ts';
import { answers, issueCommand, reachable } from '../decide/commands.ts';
import { declareDead } from '../decide/fencing.ts';
import { askToStop } from '../decide/stops.ts';
import { staysByHost } from '../decide/duties.ts';
import type { Draft } from '../draft.ts';
import { hostView } from '../explain/views.ts';
import type { Asked, HostAnswer } from '../manager-control.ts';
import type { HostEntry, ManagerState } from '../state.ts';
import { notFound, refused } from './asking.ts';
import { dutyNotes } from './duty-notes.ts';
import type { Duty } from './duty-notes.ts';
import type { Act, Decision } from './asking.ts';

const noHost = (name: string) => notFound(`host ${name}: hosts are machines that have booted as a Dom0`);

function viewOf(draft: Draft, name: string): (state: ManagerState) => Host {
  return (state) => {
    const entry = state.hosts.get(name);
    if (entry === undefined) throw new Error(`host ${name} has gone while it was asked about`);
    return hostView(entry, staysByHost(draft).get(name));
  };
}

export const setDuty =
  (name: string, duty: Duty): Act<Host> =>
  (draft, { author }) => {
    if (!draft.hosts.has(name)) return noHost(name);
    changeDuty(draft, name, duty);
    return { kind: 'done', view: viewOf(draft, name), notes: dutyNotes(draft, [name], duty, author).get(name) ?? [] };
  };

/** All of them before anything is placed: what leaves one of them is given to none of the others. */
export const setDuties =
  (asked: readonly string[], duty: Duty): Act<readonly HostAnswer[]> =>
  (draft, { author }) => {
    const names = [...new Set(asked)];
    const there = names.filter((name) => draft.hosts.has(name));
    const changed = new Set(there.filter((name) => changeDuty(draft, name, duty)));
    const notes = dutyNotes(draft, there, duty, author);
    const stays = staysByHost(draft);
    const answerOf = (entry: HostEntry | undefined, name: string): Asked<Host> =>
      entry === undefined ? noHost(name) : { kind: 'done', result: hostView(entry, stays.get(name)), notes: notes.get(name) ?? [] };
    return {
      kind: 'done',
      view: (after) => names.map((host) => ({ host, answer: answerOf(after.hosts.get(host), host), changed: changed.has(host) })),
    };
  };

/** @returns whether it was another one */
function changeDuty(draft: Draft, name: string, duty: Duty): boolean {
  const before = draft.hosts.get(name)?.kept.duty;
  if (before === duty || (duty === 'draining' && before === 'maintenance')) return false;
  draft.changeHost(name, { duty });
  return true;
}

/** The operator's word is a proof like the others: it is not taken for a host that speaks. */
export const confirmDead =
  (name: string, typed: string): Act<readonly Vm[]> =>
  (draft, { author }) => {
    const entry = draft.hosts.get(name);
    if (entry === undefined) return noHost(name);
    if (typed !== name) return refused(`the name that was typed is not ${name}: type it exactly, to be sure which host is meant`);
    const { contested } = entry.kept;
    if (contested !== undefined && contested.settledBy === undefined) {
      const old = claimants(draft, name);
      draft.keepHost({ ...entry.kept, contested: { ...contested, settledBy: author } });
      return {
        kind: 'done',
        view: (after) => old.flatMap((vm) => after.vms.get(vm) ?? []),
        notes: [`what was given to boots of ${name} before ${contested.boot} counts as dead: ${contested.reason}`],
      };
    }
    if (answers(draft, entry)) return refused(`${name} answers right now: it is not dead. To take its VMs away, drain it`);
    const { state } = entry.kept;
    if (state === 'online' || state === 'joining') {
      return refused(`${name} was heard a moment ago, or this manager has only just started: wait until it is suspect`);
    }
    const freed = claimants(draft, name);
    declareDead(draft, entry, { kind: 'operator', author }, `${author} confirmed that it is dead`);
    const view = (after: ManagerState): readonly Vm[] => freed.flatMap((vm) => after.vms.get(vm) ?? []);
    return { kind: 'done', view, notes: [`${freed.length} VMs had a claim on ${name}; those that are wanted may start elsewhere now`] };
  };

function claimants(draft: Draft, host: string): string[] {
  return [...draft.vms.values()].filter(({ claims }) => claims.some((claim) => claim.host === host)).map(({ name }) => name);
}

export const setRole =
  (name: string, role: string | undefined): Act<Host> =>
  (draft, { author }): Decision<Host> => {
    const entry = draft.hosts.get(name);
    if (entry === undefined) return noHost(name);
    if (role !== undefined && !draft.world.objects.roles.has(role)) return notFound(`Role ${role}`);
    const ofDocument = draft.world.objects.machines.get(name)?.role;
    if (role !== undefined && ofDocument !== undefined) {
      return refused(`the document of Machine ${name} names role ${ofDocument}, and wins: change it there`);
    }
    const { assigned: _, ...rest } = entry.kept;
    draft.keepHost({ ...rest, ...(role === undefined ? {} : { assigned: { role, by: author } }) });
    return { kind: 'done', view: viewOf(draft, name) };
  };

export const rebootHost =
  (name: string): Act<Host> =>
  (draft, { author }) => {
    const entry = draft.hosts.get(name);
    if (entry === undefined) return noHost(name);
    if (!reachable(entry)) return refused(`${name} is ${entry.kept.state}: its agent cannot be asked to reboot it`);
    const careful = claimants(draft, name).filter((vm) => draft.vms.get(vm)?.instances === 'at-most-one');
    if (careful.length > 0) {
      return refused(`${name} has VMs that may be there once only (${careful.join(', ')}): drain it first, then reboot it`);
    }
    const moving = claimants(draft, name).find((vm) => draft.vms.get(vm)?.move !== undefined);
    if (moving !== undefined) return refused(`${moving} is moving from or to ${name}: wait until it has arrived`);
    // They are stopped by their host: that is no failure of theirs, and others take their place.
    for (const vm of claimants(draft, name).flatMap((each) => draft.vms.get(each) ?? []))
      askToStop(draft, vm, { how: 'shutdown', reason: `${author} reboots ${name}`, author });
    const command = issueCommand(draft, entry, {
      command: 'host.reboot',
      args: { reason: `asked by ${author}`.slice(0, 256) },
      reason: 'asked for',
      author,
    });
    return { kind: 'done', view: viewOf(draft, name), command: command.id, notes: [`command ${command.id} was sent to ${name}`] };
  };
