/** Something that other servers on the same database are to know: `payload` is plain JSON whose meaning the area knows. */
export interface Notice {
  readonly area: string;
  readonly payload: unknown;
}

/** What one server tells the others in one message. Without payloads: load everything of this area again. */
interface Message {
  readonly server: string;
  readonly area: string;
  readonly payloads?: readonly unknown[];
}

/** As few messages as they fit into; the same payload of an area is told once. */
export function packNotices(server: string, notices: readonly Notice[], messageBytes: number): string[] {
  const areas = Map.groupBy(notices, ({ area }) => area);
  return [...areas].flatMap(([area, ofArea]) => {
    const payloads = [...new Set(ofArea.map(({ payload }) => JSON.stringify(payload)))];
    const room = messageBytes - Buffer.byteLength(messageOf(server, area, []));
    const sizes = payloads.map((payload) => Buffer.byteLength(payload) + 1);
    if (sizes.some((size) => size > room)) return [JSON.stringify({ server, area } satisfies Message)];
    const messages: string[][] = [];
    let left = 0;
    payloads.forEach((payload, index) => {
      const size = sizes[index] ?? 0;
      if (size > left) {
        messages.push([]);
        left = room;
      }
      messages.at(-1)?.push(payload);
      left -= size;
    });
    return messages.map((each) => messageOf(server, area, each));
  });
}

function messageOf(server: string, area: string, payloads: readonly string[]): string {
  return `{"server":${JSON.stringify(server)},"area":${JSON.stringify(area)},"payloads":[${payloads.join(',')}]}`;
}

/** Whether it is of a server that has the same name as `server`, and is another one: `NAME RANDOM`. */
export function isNamesake(text: string, server: string): boolean {
  const { server: from } = JSON.parse(text) as Partial<Message>;
  return typeof from === 'string' && from !== server && nameOf(from) === nameOf(server);
}

function nameOf(server: string): string {
  return server.slice(0, server.lastIndexOf(' '));
}

/** Undefined for our own. Throws SyntaxError or TypeError at what is none of these messages: anybody may notify. */
export function unpackNotices(text: string, server: string): { readonly area: string; readonly payloads?: readonly unknown[] } | undefined {
  const { server: from, area, payloads } = JSON.parse(text) as Partial<Message>;
  if (typeof from !== 'string' || typeof area !== 'string') throw new TypeError('no server or no area');
  if (payloads !== undefined && !Array.isArray(payloads)) throw new TypeError('payloads is no list');
  return from === server ? undefined : { area, ...(payloads !== undefined && { payloads }) };
}
