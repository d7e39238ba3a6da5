import { readFileSync } from 'node:fs';

const pattern = /^virtdom-lab-(\d+)-(\d+)-(\d+)$/;
let count = 0;

/** A namespace's name that tells whose it is: process id and start time (ids are used again), and a number of our own. */
export function nextLabName(pid = process.pid): string {
  return `virtdom-lab-${pid}-${processStartTicks(pid) ?? 0}-${++count}`;
}

/** Whether `name` is a lab's whose process has died. `startTicks` is looked up in /proc unless a test says otherwise. */
export function isAbandoned(name: string, startTicks: (pid: number) => number | undefined = processStartTicks): boolean {
  const [, pid, ticks] = pattern.exec(name) ?? [];
  return pid !== undefined && startTicks(Number(pid)) !== Number(ticks);
}

/** Field 22 of /proc/PID/stat: clock ticks from the machine's start to the process's; `undefined` where there is none. */
export function processStartTicks(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
    throw error;
  }
  // The name in field 2 may hold spaces and parentheses: count from the last one.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
}
