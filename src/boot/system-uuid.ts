/** Whether two system UUIDs are the same one: firmware may print its first three fields in the other byte order (RFC 4578 2.3). */
export function sameUuid(one: string, other: string): boolean {
  const left = one.toLowerCase();
  const right = other.toLowerCase();
  return left === right || swapped(left) === right;
}

function swapped(uuid: string): string {
  const [low = '', middle = '', high = '', ...rest] = uuid.split('-');
  return [reverseBytes(low), reverseBytes(middle), reverseBytes(high), ...rest].join('-');
}

function reverseBytes(hex: string): string {
  return (hex.match(/../g) ?? []).toReversed().join('');
}
