import type { TLSSocket } from 'node:tls';
import type { XlEnd, XlStream } from './xl-stream.ts';

export interface TransferLimits {
  readonly withinMs: number;
  /** Nothing comes or goes for so long: the other host is gone, and a guest may stand still meanwhile. */
  readonly stallMs: number;
  /** What xl may still need once its stream is cut. */
  readonly endingMs: number;
  /** Cuts it. */
  readonly signal: AbortSignal;
}

export interface TransferEnd extends XlEnd {
  readonly timedOut: boolean;
  readonly stalled: boolean;
  /** It did not even end by itself. */
  readonly wasKilled: boolean;
}

/** How long what was said last may take to be on its way. */
const flushMs = 3000;
const keepAliveMs = 10_000;

/**
 * Joins a connection with xl until xl has ended. Where one of them breaks, or time is over, the other is cut: xl goes on with the VM
 * here, or removes what has come of it, and is killed only if it does not end after that.
 */
export async function transfer(
  socket: TLSSocket,
  xl: XlStream,
  { withinMs, stallMs, endingMs, signal }: TransferLimits,
): Promise<TransferEnd> {
  let timedOut = false;
  let stalled = false;
  let wasKilled = false;
  let ending: NodeJS.Timeout | undefined;
  const cut = (): void => {
    xl.cut();
    ending ??= setTimeout(() => {
      wasKilled = true;
      xl.kill();
    }, endingMs);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    cut();
  }, withinMs);
  socket.setKeepAlive(true, keepAliveMs).setTimeout(stallMs, () => {
    stalled = true;
    cut();
  });
  socket.on('error', cut).on('close', cut);
  signal.addEventListener('abort', cut);
  socket.pipe(xl.input);
  xl.output.pipe(socket);
  // What nobody reads any more must not keep the end of the connection from being seen.
  xl.input.once('close', () => socket.resume());
  if (socket.destroyed || signal.aborted) cut();
  const end = await xl.ended;
  clearTimeout(timer);
  clearTimeout(ending);
  signal.removeEventListener('abort', cut);
  socket.setTimeout(0);
  // Where it was cut, nothing that is still on its way matters.
  if (ending === undefined) await flushed(socket);
  else socket.destroy();
  return { ...end, timedOut, stalled, wasKilled };
}

/** Ends a connection when what was said last is on its way, and destroys it. */
export function flushed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve();
    };
    const timer = setTimeout(finish, flushMs);
    if (socket.destroyed) finish();
    else socket.once('close', finish).end(finish);
  });
}
