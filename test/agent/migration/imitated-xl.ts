import { chmodSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchFolder } from '../scratch.ts';

/**
 * An `xl` that moves a file of some megabytes as the real one moves memory: both ways, in the order of tools/xl/xl_migrate.c, by the
 * command that it is given, with its own stream on both sides of it.
 */
const script = `#!/bin/sh
D=\${0%/*}
echo "$@" >>$D/calls
echo $$ >>$D/pids
mode=$(cat $D/mode)
case $1 in
  migrate)
    echo "migration target: said first" >&2
    mkfifo $D/to.$$ $D/from.$$
    sh -c "$5" <$D/to.$$ >$D/from.$$ &
    exec 8>$D/to.$$ 9<$D/from.$$
    if [ $mode = hang ]; then sleep 300; fi
    read banner <&9 && [ "$banner" = banner ] || { echo "no banner, resuming at sender" >&2; exit 1; }
    [ $mode = fails ] && { echo "libxl: error: libxl_dom_suspend.c:1:f: Domain 7:guest did not suspend" >&2; exit 1; }
    wc -c <$D/memory >&8
    if [ $mode = breaks ]; then head -c 1000000 $D/memory >&8; sleep 300; fi
    cat $D/memory >&8 || { echo "cannot write the stream, resuming at sender" >&2; exit 1; }
    read ready <&9 && [ "$ready" = ready ] || { echo "not ready, resuming at sender" >&2; exit 1; }
    echo go >&8
    head -c $(wc -c <$D/memory) <&9 >$D/back
    read report <&9 && [ "$report" = "report 0" ] || { echo "failed badly" >&2; exit 1; }
    exit 0 ;;
  migrate-receive)
    [ $mode = refuses ] && { echo "libxl: error: x.c:1:f: not enough memory" >&2; exit 1; }
    echo banner
    read bytes || { echo "no header" >&2; exit 1; }
    [ $mode = deaf ] && { trap '' TERM; sleep 300; }
    head -c $bytes >$D/received
    [ $(wc -c <$D/received) = $bytes ] || { echo "stream broke off at $(wc -c <$D/received)" >&2; exit 1; }
    echo ready
    read go && [ "$go" = go ] || { echo "no permission, destroying our copy" >&2; echo "report 1" && echo cleaned >>$D/calls; exit 1; }
    cat $D/received
    echo "report 0"
    setsid sh -c 'echo $$ >"$1"; exec sleep 300 <&- >&- 2>&-' sh $D/monitor &
    while [ ! -s $D/monitor ]; do sleep 0.01; done
    exit 0 ;;
esac
`;

export type XlMode = 'good' | 'hang' | 'fails' | 'breaks' | 'refuses' | 'deaf';

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
    return this.#lines('calls');
  }

  get received(): Buffer {
    return readFileSync(join(this.#dir, 'received'));
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

  /** Of the process groups that it ran in: those that still have somebody in them. */
  get groupsAlive(): readonly number[] {
    return this.#lines('pids').map(Number).filter(isGroupAlive);
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
