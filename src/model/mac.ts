/** An Ethernet address as text: six lower-case hexadecimal pairs joined by colons. */
export type Mac = string;

/** Accepts `52:54:00:AA:bb:0c`, dashes, Cisco's dots or nothing between the pairs; `undefined` for anything else. */
export function parseMac(text: string): Mac | undefined {
  const separated = /^([0-9a-f]{2})([:-]?)[0-9a-f]{2}(?:\2[0-9a-f]{2}){4}$/i.test(text) || /^[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}$/i.test(text);
  return separated ? macOfHex(text.replaceAll(/[:.-]/g, '').toLowerCase()) : undefined;
}

export function macOfBytes(bytes: Uint8Array): Mac {
  return macOfHex(Buffer.from(bytes).toString('hex'));
}

/** `01-52-54-00-aa-bb-0c`: the hardware type and the address, as PXELINUX and GRUB name per-machine files. */
export function dashedMac(mac: Mac): string {
  return `01-${mac.replaceAll(':', '-')}`;
}

function macOfHex(hex: string): Mac {
  return (hex.match(/../g) ?? []).join(':');
}
