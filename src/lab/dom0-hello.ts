/** What a booted root says of itself on its console, by its hello unit. */
export interface Dom0Hello {
  /** `machine post01`, `kernel 6.12...`: the first word is the key. */
  readonly facts: Readonly<Record<string, string>>;
  /** What commands printed, by the command line that stands before it. */
  readonly outputs: readonly { readonly command: string; readonly lines: readonly string[] }[];
}

const begin = '-----BEGIN VIRTDOM HELLO-----';
const end = '-----END VIRTDOM HELLO-----';

/** The last whole hello in a console's text; `undefined` where there is none. Xen's own lines may stand in between. */
export function parseHello(consoleText: string): Dom0Hello | undefined {
  const stop = consoleText.lastIndexOf(end);
  const start = stop < 0 ? -1 : consoleText.lastIndexOf(begin, stop);
  if (start < 0) return undefined;
  const facts: Record<string, string> = {};
  const outputs: { command: string; lines: string[] }[] = [];
  for (const raw of consoleText.slice(start + begin.length, stop).split('\n')) {
    const line = raw.trimEnd();
    if (line === '' || line.startsWith('(XEN)')) continue;
    if (line.startsWith('# ')) outputs.push({ command: line.slice(2), lines: [] });
    else if (outputs.length > 0) outputs.at(-1)?.lines.push(line);
    else facts[line.split(' ', 1)[0] ?? ''] = line.slice(line.indexOf(' ') + 1);
  }
  return { facts, outputs };
}
