import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HelloDesk } from './hello-desk.ts';
import { sendText } from './refusal.ts';

export const helloPath = '/boot/v1/hello';
const maxHelloBytes = 64 * 1024;

/** POST /boot/v1/hello: a machine that is up reports with its boot token. The token goes to the desk and nowhere else. */
export async function answerHello(request: IncomingMessage, response: ServerResponse, desk: HelloDesk): Promise<void> {
  const token = /^Bearer +([\w.~+/=-]{1,512})$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) {
    refuse(response.setHeader('WWW-Authenticate', 'Bearer'), 401, 'an Authorization header with the boot token is missing');
    return;
  }
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  if (Number.isNaN(length)) {
    refuse(response, 411, 'the Content-Length is missing');
    return;
  }
  if (length > maxHelloBytes) {
    refuse(response, 413, `a report has at most ${maxHelloBytes} bytes`);
    return;
  }
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces).toString('utf8');
  const answer = await desk.hello({ token, clientAddress: request.socket.remoteAddress ?? '', body });
  if (!answer.accepted) sendText(response, 403, answer.reason);
  else if (answer.session === undefined) response.writeHead(204).end();
  else response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(answer.session);
}

/** A refusal before the body was read: the connection can not be used again. */
function refuse(response: ServerResponse, status: number, text: string): void {
  sendText(response.setHeader('Connection', 'close'), status, text);
}
