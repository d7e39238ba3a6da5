import type { StoredAttempt } from '../../boot/attempt-store.ts';
import { lastStage } from '../../boot/attempt-rules.ts';
import { timedStages } from '../../boot/usual-durations.ts';
import type { TimedStage, UsualDurations as Usual } from '../../boot/usual-durations.ts';
import type { LabEvent } from '../../events/event-store.ts';
import { parseMac } from '../../model/mac.ts';
import type { Api } from '../api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { cursorOf, positionOf } from '../cursor.ts';
import { sendTagged } from '../etag.ts';
import { valuesOf } from '../listing.ts';
import { ProblemError } from '../problems.ts';
import { bootPageSchema, bootQuerySchema, bootSchema, bootStates } from '../schemas/boot.ts';
import type { BootResource, BootSummary } from '../schemas/boot.ts';
import { shape, text } from '../schemas/fields.ts';
import { answers, base } from './describe.ts';
import { eventResource } from './event-resource.ts';
import { notFound } from './outcomes.ts';
import { UsualDurations } from './usual-durations.ts';

const tags = ['boots'];
const access = { role: 'viewer', noun: 'boots' } as const;
const timelineLimit = 1000;

export function addBootRoutes(app: Api, plane: ControlPlane): void {
  const usual = new UsualDurations(plane);

  app.get(
    `${base}/boots`,
    {
      config: { access },
      schema: {
        operationId: 'listBoots',
        summary: 'List boots, newest first',
        tags,
        querystring: bootQuerySchema,
        ...answers(bootPageSchema),
      },
    },
    async ({ query }) => {
      const { limit = 50, cursor, machine, mac, profile, state, since, until } = query;
      const states = valuesOf('state', state, bootStates);
      const [openedMs, id] = cursor === undefined ? [] : positionOf(cursor, ['number', 'string']);
      const ofMac = mac === undefined ? undefined : parseMac(mac);
      if (mac !== undefined && ofMac === undefined)
        throw new ProblemError('invalid-request', 'mac is no MAC address.', {
          errors: [{ pointer: '?mac', detail: 'must be a MAC address such as 52:54:00:00:00:01' }],
        });
      const attempts = await plane.archive.page({
        limit: limit + 1,
        ...(machine !== undefined && { machine }),
        ...(ofMac !== undefined && { mac: ofMac }),
        ...(profile !== undefined && { profile }),
        ...(states !== undefined && { states }),
        ...(since !== undefined && { sinceMs: Date.parse(since) }),
        ...(until !== undefined && { untilMs: Date.parse(until) }),
        ...(openedMs !== undefined && { before: { openedMs: Number(openedMs), id: String(id) } }),
      });
      const items = attempts.slice(0, limit);
      const end = items.at(-1);
      return {
        items: items.map((attempt) => bootSummary(plane.boots.attempt(attempt.id) ?? attempt)),
        ...(attempts.length > limit && end !== undefined && { nextCursor: cursorOf([end.openedMs, end.id]) }),
      };
    },
  );

  app.get(
    `${base}/boots/:id`,
    {
      config: { access },
      schema: {
        operationId: 'getBoot',
        summary: 'Show a boot with its stages, its timeline, and where it hangs',
        tags,
        params: shape('Which boot.', { id: text('Its number.', 'b-01J8ZC', 200) }),
        ...answers(bootSchema),
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const attempt = plane.boots.attempt(id) ?? (await plane.archive.find(id));
      if (attempt === undefined) throw notFound('boot', id);
      const [events, usually] = await Promise.all([
        plane.events.page({ attempt: id, order: 'oldest-first', limit: timelineLimit + 1 }),
        usual.of(attempt),
      ]);
      return sendTagged(request, reply, bootResource(plane, attempt, events, usually));
    },
  );
}

function bootSummary(attempt: StoredAttempt): BootSummary {
  const { id, machine, mac, subnet, profile, image, state, reason, openedMs, lastSeenMs, stages, addresses } = attempt;
  const hello = stages.find(({ stage }) => stage === 'hello')?.atMs;
  return {
    id,
    machine: machine.name,
    mac,
    subnet: subnet.name,
    profile: profile.name,
    ...(image !== undefined && { image }),
    oneShot: attempt.oneShot !== undefined,
    state,
    reason: reason.slice(0, 4096),
    since: new Date(attempt.stateSinceMs ?? lastSeenMs).toISOString(),
    openedAt: new Date(openedMs).toISOString(),
    lastSeenAt: new Date(lastSeenMs).toISOString(),
    lastPacket: attempt.lastPacket.slice(0, 4096),
    lastStage: lastStage(stages),
    seconds: secondsBetween(openedMs, hello ?? lastSeenMs),
    addresses: [...addresses],
  };
}

function bootResource(plane: ControlPlane, attempt: StoredAttempt, events: readonly LabEvent[], usually: Usual): BootResource {
  const timeline = events.slice(0, timelineLimit);
  const stuck = stuckOf(plane, attempt, timeline);
  return {
    ...bootSummary(attempt),
    ...(usually.totalMs !== undefined && { usualSeconds: usually.totalMs / 1000 }),
    stages: timedStages(attempt).map((timed) => stageResource(attempt, timed, usually)),
    ...(stuck !== undefined && { stuck }),
    menus: attempt.menus.map(({ path, template, templateSha256, text: rendered, problem }) => ({
      path,
      template,
      templateSha256,
      text: rendered,
      ...(problem !== undefined && { problem }),
    })),
    timeline: timeline.map(eventResource),
    timelineCut: events.length > timelineLimit,
  };
}

function stageResource(
  { profile }: StoredAttempt,
  { stage, atMs, protocol, file, bytes, address, durationMs }: TimedStage,
  usually: Usual,
): BootResource['stages'][number] {
  const usualMs = usually.stages.get(stage);
  return {
    stage,
    at: new Date(atMs).toISOString(),
    protocol,
    ...(file !== undefined && { file: file.slice(0, 4096) }),
    ...(bytes !== undefined && { bytes }),
    ...(address !== undefined && { address }),
    seconds: durationMs / 1000,
    ...(usualMs !== undefined && { usualSeconds: usualMs / 1000 }),
    stuckAfterSeconds: profile.stageSeconds[stage],
  };
}

/** As the desk sees it now where it still has it; else as it was told when it happened. */
function stuckOf(plane: ControlPlane, attempt: StoredAttempt, timeline: readonly LabEvent[]): BootResource['stuck'] {
  if (attempt.state !== 'stuck') return undefined;
  const now = plane.boots.stateOf(attempt.machine.name);
  if (now?.attempt === attempt.id && now.stuck !== undefined) {
    const { expectedStage, expectedPacket, causes } = now.stuck;
    const waitedSeconds = secondsBetween(now.lastSeenMs, plane.clock.now());
    return {
      lastStage: now.lastStage,
      lastPacket: now.lastPacket.slice(0, 4096),
      expectedStage,
      expectedPacket,
      waitedSeconds,
      causes: [...causes],
    };
  }
  const told = timeline.findLast(({ kind }) => kind === 'boot.stuck')?.detail as unknown as BootResource['stuck'];
  if (told === undefined) return undefined;
  const { lastPacket, expectedStage, expectedPacket, waitedSeconds, causes } = told;
  return { lastStage: told.lastStage, lastPacket, expectedStage, expectedPacket, waitedSeconds, causes };
}

function secondsBetween(fromMs: number, toMs: number): number {
  return Math.max(0, Math.round(toMs - fromMs)) / 1000;
}
