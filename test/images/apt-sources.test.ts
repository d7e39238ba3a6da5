import { describe, expect, it } from 'vitest';
import { findMirror, neutralMirror, sourceLines } from '../../src/images/apt-sources.ts';
import { scratchFolder, writeTree } from './scratch-folder.ts';

describe("the machine's own Debian mirror", () => {
  it('is found in a sources.list with options (sources.list(5), one-line format)', () => {
    const apt = writeTree(scratchFolder(), {
      'sources.list':
        '# deb http://old/debian x main\ndeb-src http://src/debian x main\ndeb [arch=amd64 signed-by=/k] http://m/debian/ bookworm main\n',
    });
    expect(findMirror(apt, '')).toEqual({ main: 'http://m/debian/' });
  });

  it('is found in a .sources file, its security archive too, other archives are not taken (deb822 format)', () => {
    const apt = writeTree(scratchFolder(), {
      'sources.list.d/a.sources': 'Types: deb\nURIs: https://other/node_20.x\nSuites: nodistro\n',
      'sources.list.d/debian.sources':
        'Types: deb\nURIs: http://off/debian\nEnabled: no\n\nTypes: deb deb-src\nURIs: http://m/debian\n  http://n/debian\nSuites: bookworm\n\nTypes: deb\nURIs: http://m/debian-security\n',
    });
    expect(findMirror(apt, '')).toEqual({ main: 'http://m/debian', security: 'http://m/debian-security' });
  });

  it('gives way to VIRTDOM_MIRROR', () => {
    expect(findMirror('/nowhere', 'http://mine/debian')).toEqual({ main: 'http://mine/debian' });
  });

  it('is an error that says what to do where there is none', () => {
    expect(() => findMirror(scratchFolder(), '')).toThrow(/set VIRTDOM_MIRROR/);
  });
});

it('an image fetches its updates from the Debian project, wherever it was built', () => {
  expect(sourceLines(neutralMirror, 'trixie', ['main', 'contrib'])).toEqual([
    'deb http://deb.debian.org/debian trixie main contrib',
    'deb http://deb.debian.org/debian trixie-updates main contrib',
    'deb http://deb.debian.org/debian-security trixie-security main contrib',
  ]);
});
