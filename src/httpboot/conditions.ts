/** What a client may be told of a file before its bytes. */
export interface Validators {
  /** With its quotes. */
  readonly etag: string;
  /** Whole seconds since 1970; none for a file made for this client. */
  readonly modifiedSeconds?: number;
}

export type RangeAnswer =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly first: number; readonly last: number }
  | { readonly kind: 'unsatisfiable' };

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** RFC 9110 13.1: whether the client has the file already (304). If-None-Match stands before If-Modified-Since. */
export function notModified(headers: Headers, { etag, modifiedSeconds }: Validators): boolean {
  const tags = headers['if-none-match'];
  if (typeof tags === 'string') return tags.trim() === '*' || listed(tags).some((tag) => tag.replace(/^W\//, '') === etag);
  const since = seconds(headers['if-modified-since']);
  return since !== undefined && modifiedSeconds !== undefined && modifiedSeconds <= since;
}

/**
 * RFC 9110 14.2: one range of a GET. A header that is not understood, and one that names several ranges, counts as
 * absent (the whole file is a legal answer); If-Range must name this very version.
 */
export function requestedRange(headers: Headers, validators: Validators, size: number): RangeAnswer {
  const [, firstText, lastText] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(String(headers['range'] ?? '')) ?? [];
  if (firstText === undefined || lastText === undefined || (firstText === '' && lastText === '')) return { kind: 'whole' };
  if (!sameVersion(headers['if-range'], validators)) return { kind: 'whole' };
  if (firstText === '') {
    const suffix = Math.min(Number(lastText), size);
    return suffix === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', first: size - suffix, last: size - 1 };
  }
  const first = Number(firstText);
  const last = lastText === '' ? size - 1 : Math.min(Number(lastText), size - 1);
  if (lastText !== '' && Number(lastText) < first) return { kind: 'whole' };
  return first >= size ? { kind: 'unsatisfiable' } : { kind: 'part', first, last };
}

/** RFC 9110 13.1.5: a strong tag that is equal, or the exact date. */
function sameVersion(ifRange: string | string[] | undefined, { etag, modifiedSeconds }: Validators): boolean {
  if (ifRange === undefined) return true;
  if (typeof ifRange !== 'string') return false;
  if (ifRange.includes('"')) return ifRange.trim() === etag;
  return modifiedSeconds !== undefined && seconds(ifRange) === modifiedSeconds;
}

function listed(tags: string): string[] {
  return tags.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

function seconds(date: string | string[] | undefined): number | undefined {
  const milliseconds = typeof date === 'string' ? Date.parse(date) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1000);
}
