import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';

const resetAfterMs = 50;

/** Says no to a request, with one line for a person. */
export function refuse(request: IncomingMessage, response: ServerResponse, status: number, text: string, clock: Clock): void {
  if (request.headers['user-agent']?.startsWith('GRUB ') === true) refuseGrub(request, status, clock);
  else sendText(response, status, text);
}

/** One line for a person as the whole answer. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(`${text}\n`, 'utf8');
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': body.length });
  response.end(body);
}

/**
 * GRUB 2 takes the body of a 404 for the file, so that its search for a menu ends at the first guess, with our words in
 * it. Only where the connection breaks between the status line and the end of the headers does it say "not found", at
 * once where it breaks by a reset, after 30 s where it does by FIN (seen with 2.06; grub-core/net/http.c).
 */
function refuseGrub({ socket }: IncomingMessage, status: number, clock: Clock): void {
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`);
  // A reset at once would take unsent bytes with it.
  clock.after(resetAfterMs, () => socket.resetAndDestroy());
}
