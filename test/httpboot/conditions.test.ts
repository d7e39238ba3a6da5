import { describe, expect, it } from 'vitest';
import { notModified, requestedRange, type RangeAnswer } from '../../src/httpboot/conditions.ts';

const modified = 'Fri, 02 Jan 2026 03:04:05 GMT';
const validators = { etag: '"v1"', modifiedSeconds: Date.parse(modified) / 1000 };
const whole: RangeAnswer = { kind: 'whole' };
const part = (first: number, last: number): RangeAnswer => ({ kind: 'part', first, last });

describe('ranges (RFC 9110 14)', () => {
  it.each<{ range: string; size?: number; answer: RangeAnswer }>([
    { range: 'bytes=0-0', answer: part(0, 0) },
    { range: 'bytes=0-9', answer: part(0, 9) },
    { range: 'bytes=90-99', answer: part(90, 99) },
    { range: 'bytes=90-', answer: part(90, 99) },
    { range: 'bytes=90-1000', answer: part(90, 99) },
    { range: 'bytes=-10', answer: part(90, 99) },
    { range: 'bytes=-1000', answer: part(0, 99) },
    { range: 'BYTES=1-2', answer: part(1, 2) },
    { range: 'bytes=100-', answer: { kind: 'unsatisfiable' } },
    { range: 'bytes=100-200', answer: { kind: 'unsatisfiable' } },
    { range: 'bytes=-0', answer: { kind: 'unsatisfiable' } },
    { range: 'bytes=0-', size: 0, answer: { kind: 'unsatisfiable' } },
    { range: 'bytes=-5', size: 0, answer: { kind: 'unsatisfiable' } },
    { range: 'bytes=5-4', answer: whole },
    { range: 'bytes=-', answer: whole },
    { range: 'bytes=0-1,3-4', answer: whole },
    { range: 'bytes=a-b', answer: whole },
    { range: 'bytes=0x1-2', answer: whole },
    { range: 'lines=0-1', answer: whole },
    { range: 'bytes=1-99999999999999999999', answer: whole },
  ])('of $range', ({ range, size = 100, answer }) => {
    expect(requestedRange({ range }, validators, size)).toEqual(answer);
  });

  it.each<{ ifRange: string; answer: RangeAnswer }>([
    { ifRange: '"v1"', answer: part(0, 9) },
    { ifRange: '"v2"', answer: whole },
    { ifRange: 'W/"v1"', answer: whole },
    { ifRange: modified, answer: part(0, 9) },
    { ifRange: 'Fri, 02 Jan 2026 03:04:06 GMT', answer: whole },
    { ifRange: 'yesterday', answer: whole },
  ])('only of the version that If-Range names: $ifRange (13.1.5)', ({ ifRange, answer }) => {
    expect(requestedRange({ range: 'bytes=0-9', 'if-range': ifRange }, validators, 100)).toEqual(answer);
  });
});

describe('conditions (RFC 9110 13.1)', () => {
  it.each([
    { headers: {}, same: false },
    { headers: { 'if-none-match': '"v1"' }, same: true },
    { headers: { 'if-none-match': 'W/"v1"' }, same: true },
    { headers: { 'if-none-match': '"v0", "v1"' }, same: true },
    { headers: { 'if-none-match': '*' }, same: true },
    { headers: { 'if-none-match': '"v2"' }, same: false },
    { headers: { 'if-none-match': '"v2"', 'if-modified-since': modified }, same: false },
    { headers: { 'if-modified-since': modified }, same: true },
    { headers: { 'if-modified-since': 'Sat, 03 Jan 2026 00:00:00 GMT' }, same: true },
    { headers: { 'if-modified-since': 'Thu, 01 Jan 2026 00:00:00 GMT' }, same: false },
    { headers: { 'if-modified-since': 'never' }, same: false },
  ])('$headers: the client has it already: $same', ({ headers, same }) => {
    expect(notModified(headers, validators)).toBe(same);
  });
});
