import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requestPath } from '../../src/httpboot/request-path.ts';

describe('the path of a request', () => {
  it.each([
    { target: '/', path: '/' },
    { target: '/images/dom0@3/vmlinuz', path: '/images/dom0@3/vmlinuz' },
    { target: '/boot.ipxe?mac=52:54:00:00:00:01', path: '/boot.ipxe' },
    { target: '/a%20b', path: '/a b' },
    { target: '/%C3%A4', path: '/ä' },
    { target: 'http://10.0.0.5:8080/menu.lst?x', path: '/menu.lst' },
    // Twice decoded, `%252e` would become a dot: once is all there is.
    { target: '/%252e%252e/secret', path: '/%2e%2e/secret' },
    { target: '/../secret', path: '/../secret' },
    { target: '/%2e%2e/secret', path: '/../secret' },
  ])('$target is $path', ({ target, path }) => {
    expect(requestPath(target)).toBe(path);
  });

  it.each(['', '*', 'menu.lst', '/a%00b', '/a%0d%0aSet-Cookie:x', '/a%', '/a%zz', '/%ff', '/a%7fb'])('%j is none', (target) => {
    expect(requestPath(target)).toBeUndefined();
  });

  it('never throws and never holds a control character', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true }), fc.string().map(encodeURI)), (target) => {
        expect(requestPath(target) ?? '/').toMatch(/^\/\P{Cc}*$/u);
      }),
    );
  });
});
