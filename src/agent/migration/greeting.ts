import type { Duplex } from 'node:stream';
import { Type } from 'typebox';
import type { Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { agentCommands } from '../../manager/protocol.ts';

/** Of one line: an xl.cfg of 64 KiB is doubled by JSON at worst, and there is room for its files. */
const maxLineBytes = 256 * 1024;

const { vm, uuid, config, files } = agentCommands['vm.create'].properties;

const greetingForm = Type.Object({
  v: Type.Literal(1),
  vm,
  uuid,
  /** After that the sender gives up. */
  timeoutMs: Type.Integer({ minimum: 0, maximum: 24 * 3600 * 1000 }),
  passport: Type.Object({
    config,
    files,
    ready: Type.Optional(Type.Object({ address: Type.Optional(Type.String({ maxLength: 64 })) })),
  }),
});
/** The first line of who sends a VM; raw bytes of xl follow once it is answered. */
export type Greeting = Static<typeof greetingForm>;

const answerForm = Type.Union([Type.Object({ ok: Type.Literal(true) }), Type.Object({ refused: Type.String({ maxLength: 2000 }) })]);
export type GreetingAnswer = Static<typeof answerForm>;

const checkGreeting = Compile(greetingForm);
const checkAnswer = Compile(answerForm);

export function writeLine(stream: Duplex, value: Greeting | GreetingAnswer): void {
  stream.write(`${JSON.stringify(value)}\n`);
}

/** Rejects with why where no such line comes in time. */
export async function readGreeting(stream: Duplex, withinMs: number): Promise<Greeting> {
  const value = await readLine(stream, withinMs);
  if (!checkGreeting.Check(value)) throw new Error('its greeting is none');
  return value;
}

/** Rejects with why where no such line comes in time. */
export async function readAnswer(stream: Duplex, withinMs: number): Promise<GreetingAnswer> {
  const value = await readLine(stream, withinMs);
  if (!checkAnswer.Check(value)) throw new Error('its answer is none');
  return value;
}

/** What comes after the line is left in the stream. */
function readLine(stream: Duplex, withinMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (error: Error | undefined, line = ''): void => {
      clearTimeout(timer);
      stream.off('readable', read).off('close', closed).off('error', failed).off('end', closed);
      if (error !== undefined) {
        reject(error);
        return;
      }
      try {
        resolve(JSON.parse(line));
      } catch (cause) {
        reject(new Error('a line of it is no JSON', { cause }));
      }
    };
    const read = (): void => {
      for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null) {
        const end = chunk.indexOf(10);
        bytes += end < 0 ? chunk.length : end;
        if (bytes > maxLineBytes) {
          finish(new Error(`a line of it is longer than ${maxLineBytes} bytes`));
          return;
        }
        if (end < 0) {
          chunks.push(chunk);
          continue;
        }
        chunks.push(chunk.subarray(0, end));
        const rest = chunk.subarray(end + 1);
        if (rest.length > 0) stream.unshift(rest);
        finish(undefined, Buffer.concat(chunks).toString('utf8'));
        return;
      }
    };
    const closed = (): void => finish(new Error('the connection ended before it had said all'));
    const failed = (error: Error): void => finish(error);
    const timer = setTimeout(() => finish(new Error(`it said nothing whole within ${withinMs / 1000} s`)), withinMs);
    stream.on('readable', read).on('close', closed).on('error', failed).on('end', closed);
  });
}
