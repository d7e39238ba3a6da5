import { execFileSync } from 'node:child_process';

/** A packet as tshark decodes it: the fields that were asked for, in their order; several values are joined by commas. */
export interface CapturedPacket {
  /** Wall-clock milliseconds. */
  readonly atMs: number;
  readonly fields: readonly string[];
}

/** Reads a capture with Wireshark's dissectors: what stands in it is not our own reading of our own bytes. */
export function readCapture(file: string, filter: string, fields: readonly string[]): readonly CapturedPacket[] {
  const wanted = ['frame.time_epoch', ...fields].flatMap((field) => ['-e', field]);
  const out = execFileSync('tshark', ['-n', '-r', file, '-Y', filter, '-T', 'fields', '-E', 'separator=/t', ...wanted], {
    encoding: 'utf8',
    maxBuffer: 512 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [epoch = '', ...values] = line.split('\t');
      return { atMs: epochMs(epoch), fields: values };
    });
}

/** Seconds with a fraction, or RFC 3339 in newer versions of tshark. */
function epochMs(text: string): number {
  return /^\d+\.\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
}
