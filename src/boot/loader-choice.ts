import type { BootClient } from '../model/boot-decision.ts';
import type { BootProfile } from '../model/boot-profile.ts';
import type { Mac } from '../model/mac.ts';
import { dashedMac } from '../model/mac.ts';

/** What a loader or menu path may name a machine by. */
export interface PathNames {
  readonly name: string;
  readonly mac: Mac;
}

/** Fills `{name}`, `{mac}` and `{mac-dashed}` of a profile's path. */
export function expandPath(pattern: string, names: PathNames): string {
  return pattern.replaceAll('{name}', names.name).replaceAll('{mac}', names.mac).replaceAll('{mac-dashed}', dashedMac(names.mac));
}

/** Whether a boot file is iPXE itself, whatever it was built for: `undionly.kpxe`, `ipxe-arm64.efi`, `snponly.efi`. */
export function isIpxeBinary(path: string): boolean {
  return /(?:^|\/)(?:undionly|ipxe|snponly|snp)[^/]*\.(?:kpxe|kkpxe|kkkpxe|pxe|efi|lkrn)$/i.test(path);
}

/** The boot file for one face of a machine, or the reason why it gets none. */
export type LoaderChoice = { readonly kind: 'file'; readonly file: string } | { readonly kind: 'none'; readonly reason: string };

/**
 * Picks the boot file for a client by what it said of itself. iPXE is never sent iPXE again: that loop has no end. It gets
 * the profile's `ipxe` loader, else the profile's iPXE script over HTTP, else the loader for its architecture.
 * @param httpUrl our boot HTTP server as the client reaches it, without a slash at the end
 */
export function chooseLoader(client: BootClient, profile: BootProfile, names: PathNames, httpUrl: string): LoaderChoice {
  switch (client.face) {
    case 'other':
      return { kind: 'none', reason: 'only firmware and iPXE are told a boot file' };
    case 'ipxe': {
      const script = profile.menus.find((menu) => menu.template.endsWith('.ipxe'));
      const candidates = [
        profile.loaders.ipxe,
        script === undefined ? undefined : `${httpUrl}${withSlash(script.path)}`,
        client.arch === undefined ? undefined : profile.loaders[client.arch],
      ];
      const file = candidates.find((candidate) => candidate !== undefined && !isIpxeBinary(candidate));
      if (file !== undefined) return { kind: 'file', file: expandPath(file, names) };
      return { kind: 'none', reason: `profile ${profile.name} has nothing for iPXE but iPXE itself: set loaders.ipxe or a menu boot.ipxe` };
    }
    case 'firmware-pxe':
    case 'firmware-http': {
      // Very old ROMs and some emulators send no option 93: they are BIOS (RFC 4578 2.1 came after them).
      const arch = client.arch ?? (client.face === 'firmware-pxe' ? 'bios' : 'http-x64');
      const file = profile.loaders[arch];
      if (file === undefined) return { kind: 'none', reason: `profile ${profile.name} has no loader for ${arch}` };
      const expanded = expandPath(file, names);
      const isUrl = /^https?:\/\//i.test(expanded);
      return { kind: 'file', file: client.face === 'firmware-http' && !isUrl ? `${httpUrl}${withSlash(expanded)}` : expanded };
    }
  }
}

function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
