import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { scratchFolder } from '../scratch.ts';

/**
 * An `xl` that moves a file of some megabytes as the real one moves memory, with the words of tools/xl/xl_migrate.c and in their
 * order, and as much back.
 */
const script = `#!/bin/sh
D=\${0%/*}
echo "$@" >>$D/calls
mode=$(cat $D/mode)
hear() { [ "$(head -c $(printf '%s\\0' "$1" | wc -c) <&9 | tr -d '\\0')" = "$1" ]; }
stream() {
  wc -c <$D/memory
  if [ $mode = breaks ]; then head -c 1000000 $D/memory; sleep 300; fi
  cat $D/memory
  if [ $mode = stalls ]; then sleep 300; fi
}
case $1 in
  info)
    echo 'virt_caps              : pv hvm hap gnttab-v1' ;;
  migrate)
    echo $$ >>$D/pids
    trap '' PIPE
    mkfifo $D/to.$$ $D/from.$$
    sh -c "$5" <$D/to.$$ >$D/from.$$ &
    exec 8>$D/to.$$ 9<$D/from.$$
    hear 'xl migration receiver ready, send binary domain data.' || { echo "no banner, resuming at sender" >&2; exit 1; }
    [ $mode = fails ] && { echo "libxl: error: libxl_dom_suspend.c:1:f: Domain 7:guest did not suspend" >&2; exit 1; }
    stream >&8 || { echo "cannot write the stream, resuming at sender" >&2; exit 1; }
    hear 'domain received, ready to unpause' || { echo "not ready, resuming at sender" >&2; exit 1; }
    printf 'domain is yours, you are cleared to unpause\\0' >&8
    hear 'my copy unpause results are as follows' || { echo "failed badly" >&2; exit 1; }
    [ $(head -c 1 <&9 | od -An -tu1) = 0 ] || { echo "failed at the target" >&2; exit 1; }
    head -c $(wc -c <$D/memory) <&9 >$D/back
    exit 0 ;;
  save)
    echo $PPID >>$D/pids
    [ $mode = fails ] && { echo "libxl: error: libxl_dom_suspend.c:1:f: Domain 7:guest did not suspend" >&2; exit 1; }
    stream >$4 || { echo "Failed to save domain, resuming domain" >&2; exit 1; } ;;
  migrate-receive)
    echo $$ >>$D/pids
    trap '' PIPE
    exec 9<&0
    [ $mode = refuses ] && { echo "libxl: error: x.c:1:f: not enough memory" >&2; exit 1; }
    echo 'xl migration receiver ready, send binary domain data.'
    read bytes || { echo "no header" >&2; exit 1; }
    [ $mode = deaf ] && sleep 300
    head -c $bytes >$D/received
    [ $(wc -c <$D/received) = $bytes ] || { echo "stream broke off at $(wc -c <$D/received)" >&2; exit 1; }
    [ $mode = mute ] && exit 1
    printf 'domain received, ready to unpause\\0'
    hear 'domain is yours, you are cleared to unpause' || { echo "no permission" >&2; printf 'my copy unpause results are as follows\\0\\001' && echo cleaned >>$D/calls; exit 1; }
    [ $mode = silent ] && exit 1
    printf 'my copy unpause results are as follows\\0'
    [ $mode = cannot ] && { printf '\\001domain is yours, you are cleared to unpause\\0'; exit 1; }
    printf '\\0'
    cat $D/received
    setsid sh -c 'echo $$ >"$1"; exec sleep 300 <&- >&- 2>&-' sh $D/monitor &
    while [ ! -s $D/monitor ]; do sleep 0.01; done
    exit 0 ;;
esac
`;

/**
 * What goes wrong. `breaks` stalls in the middle, `stalls` at the end, `mute` ends before it says that it is ready, `silent` after it was given the permission, `cannot` gives that back.
 */
export type XlMode = 'good' | 'fails' | 'breaks' | 'stalls' | 'refuses' | 'deaf' | 'mute' | 'silent' | 'cannot';

export class ImitatedXl {
  readonly #dir = scratchFolder();

  constructor(memory: Buffer = Buffer.from('memory'), mode: XlMode = 'good') {
    writeFileSync(this.program, script);
    chmodSync(this.program, 0o755);
    writeFileSync(join(this.#dir, 'memory'), memory);
    this.mode = mode;
  }

  get program(): string {
    return join(this.#dir, 'xl');
  }

  set mode(mode: XlMode) {
    writeFileSync(join(this.#dir, 'mode'), `${mode}\n`);
  }

  get calls(): readonly string[] {
    return this.#lines('calls').filter((call) => call !== 'info');
  }

  get received(): Buffer {
    const file = join(this.#dir, 'received');
    return existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  }

  /** What the other end has sent back. */
  get back(): Buffer {
    return readFileSync(join(this.#dir, 'back'));
  }

  get isMonitorAlive(): boolean {
    const [pid = 0] = this.#lines('monitor').map(Number);
    return pid > 0 && isGroupAlive(pid);
  }

  endMonitor(): void {
    for (const pid of this.#lines('monitor').map(Number)) if (isGroupAlive(pid)) process.kill(-pid, 'SIGKILL');
  }

  /** Until nobody is left in the process groups that it ran in. */
  isGone(): Promise<unknown> {
    const groups = (): number[] => this.#lines('pids').map(Number).filter(isGroupAlive);
    return vi.waitUntil(() => groups().length === 0, { timeout: 3000 });
  }

  #lines(name: string): readonly string[] {
    const file = join(this.#dir, name);
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  }
}

/** A zombie is none: who reaps orphans here may be slow. */
function isGroupAlive(group: number): boolean {
  return readdirSync('/proc').some((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      const [state, , pgrp] = readFileSync(`/proc/${entry}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      return Number(pgrp) === group && state !== 'Z';
    } catch {
      return false;
    }
  });
}
