import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ImageError } from './image-error.ts';

/** Where packages are fetched from. */
export interface DebianMirror {
  readonly main: string;
  /** Security updates, where this machine takes them too. */
  readonly security?: string;
}

/**
 * The Debian mirror that this machine itself uses (sources.list(5), both formats), or the one that VIRTDOM_MIRROR names.
 * Throws ImageError where there is none.
 */
export function findMirror(aptFolder = '/etc/apt', override = process.env['VIRTDOM_MIRROR']): DebianMirror {
  if (override !== undefined && override !== '') return { main: override };
  const uris = sourceFiles(aptFolder).flatMap(({ file, text }) => (file.endsWith('.sources') ? deb822Uris(text) : oneLineUris(text)));
  const main = uris.find((uri) => /\/debian\/?$/.test(uri));
  if (main === undefined) {
    throw new ImageError('no-mirror', `${aptFolder} names no Debian mirror (a URI that ends in /debian): set VIRTDOM_MIRROR to one`);
  }
  const security = uris.find((uri) => /\/debian-security\/?$/.test(uri));
  return { main, ...(security !== undefined && { security }) };
}

/** The lines of a sources.list that fetches a suite from a mirror. */
export function sourceLines(mirror: DebianMirror, suite: string, components: readonly string[]): string[] {
  const areas = components.join(' ');
  return [
    `deb ${mirror.main} ${suite} ${areas}`,
    `deb ${mirror.main} ${suite}-updates ${areas}`,
    ...(mirror.security === undefined ? [] : [`deb ${mirror.security} ${suite}-security ${areas}`]),
  ];
}

/** What stands in every image, wherever it was built. */
export const neutralMirror: DebianMirror = { main: 'http://deb.debian.org/debian', security: 'http://deb.debian.org/debian-security' };

function sourceFiles(aptFolder: string): { file: string; text: string }[] {
  const names = ['sources.list', ...listFolder(join(aptFolder, 'sources.list.d')).map((name) => join('sources.list.d', name))];
  return names.flatMap((name) => {
    if (!/\.(list|sources)$/.test(name)) return [];
    try {
      return [{ file: name, text: readFileSync(join(aptFolder, name), 'utf8') }];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function oneLineUris(text: string): string[] {
  return [...text.matchAll(/^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)/gm)].map((match) => match[1] ?? '');
}

function deb822Uris(text: string): string[] {
  return text
    .split(/\n\s*\n/)
    .filter((stanza) => /^Types:.*\bdeb\b/m.test(stanza) && !/^Enabled:\s*(no|false)/im.test(stanza))
    .flatMap((stanza) => /^URIs:\s*(.*(?:\n[ \t]+.*)*)/m.exec(stanza)?.[1]?.split(/\s+/) ?? []);
}
