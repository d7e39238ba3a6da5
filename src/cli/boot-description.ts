import type { BootResource } from '../api/schemas/boot.ts';
import type { EventResource } from '../api/schemas/event.ts';
import { secondsText } from './boot-view.ts';
import { formatTime } from './duration.ts';
import { bytesText, describeDetail } from './event-view.ts';
import { formatFields } from './field-lines.ts';
import { formatTable } from './table.ts';

/** A boot as a person reads it: who and what, the stages, what happened beside them, and where it hangs. */
export function describeBoot(boot: BootResource): string {
  const { id, machine, mac, subnet, profile, image, oneShot, state, reason, since, openedAt, seconds, usualSeconds, addresses } = boot;
  const goesOn = state === 'booting' || state === 'waiting' || state === 'stuck';
  const fields = formatFields([
    ['boot', id],
    ['machine', `${machine} (${mac}) on ${subnet}`],
    ['profile', `${profile}${oneShot ? ', asked for once' : ''}`],
    ['image', image],
    ['state', `${state} since ${formatTime(since)}: ${reason}`],
    ['began', formatTime(openedAt)],
    [
      goesOn ? 'took so far' : 'took',
      `${secondsText(seconds)} s${usualSeconds === undefined ? '' : `, usually ${secondsText(usualSeconds)} s`}`,
    ],
    ['addresses', addresses.join(', ')],
  ]);
  return [fields, describeStages(boot), describeAsides(boot), describeStuck(boot)].filter((part) => part !== '').join('\n');
}

function describeStages({ stages, openedAt }: BootResource): string {
  const columns = [
    { head: 'SECONDS', align: 'right' },
    { head: 'STAGE' },
    { head: 'TOOK', align: 'right' },
    { head: 'USUAL', align: 'right' },
    { head: 'PROTOCOL' },
    { head: 'BYTES', align: 'right' },
    { head: 'FILE OR ADDRESS' },
  ] as const;
  const rows = stages.map(({ stage, at, protocol, file, bytes, address, seconds, usualSeconds }) =>
    cells([
      sinceOpened(at, openedAt),
      stage,
      secondsText(seconds),
      secondsText(usualSeconds),
      protocol,
      bytesText(bytes)?.replace(' B', ''),
      file ?? address,
    ]),
  );
  return lines(formatTable(columns, rows));
}

/** What the stages do not tell: files that were not had whole, packets that were ignored and why, other events. */
function describeAsides({ id, timeline, timelineCut, openedAt }: BootResource): string {
  const asides = timeline.filter((event) => !isTold(event));
  if (asides.length === 0) return '';
  const columns = [{ head: 'SECONDS', align: 'right' }, { head: 'BESIDE' }, { head: 'WHAT' }] as const;
  const rows = asides.map(({ at, kind, detail }) => cells([sinceOpened(at, openedAt), kind, describeDetail(kind, detail)]));
  const rest = timelineCut ? [`There is more: virtdom event list --boot ${id} shows it all`] : [];
  return lines([...formatTable(columns, rows), ...rest]);
}

function isTold({ kind, detail }: EventResource): boolean {
  if (kind === 'boot.file') return detail['phase'] === 'opened' || detail['phase'] === 'finished';
  return kind === 'boot.stage' || kind === 'boot.opened' || kind === 'boot.stuck';
}

function describeStuck({ stuck }: BootResource): string {
  if (stuck === undefined) return '';
  const { lastStage, lastPacket, expectedStage, expectedPacket, waitedSeconds, causes } = stuck;
  return formatFields([
    ['stuck', `${waitedSeconds} s since ${lastStage}; waits for ${expectedStage}`],
    ['last packet seen', lastPacket],
    ['next one expected', expectedPacket],
    ...causes.map((cause, index) => [index === 0 ? 'likely causes' : '', cause] as const),
  ]);
}

function sinceOpened(at: string, openedAt: string): string {
  return ((Date.parse(at) - Date.parse(openedAt)) / 1000).toFixed(1);
}

function cells(texts: readonly (string | undefined)[]): { readonly text: string }[] {
  return texts.map((text) => ({ text: text ?? '' }));
}

function lines(table: readonly string[]): string {
  return table.map((line) => `${line}\n`).join('');
}
