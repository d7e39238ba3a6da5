/** What commands see of the machine. Everything in it ends within a bounded time, or when `signal` says so. */
export interface MachineView {
  /** The text of a file, at most 1 MiB of it; undefined where there is none or it may not be read. */
  read(path: string): Promise<string | undefined>;
  /** Names in a folder; undefined where there is none. */
  list(folder: string): Promise<readonly string[] | undefined>;
  /** Where a symbolic link leads, as it is written; undefined where there is none. */
  link(path: string): Promise<string | undefined>;
  space(path: string): Promise<{ readonly totalBytes: number; readonly freeBytes: number } | undefined>;
  /** What `xl info`, `xl list -l` (`list`) or `xl list` (`table`) writes. @throws CommandError where it fails or takes too long */
  xl(question: 'info' | 'list' | 'table', signal: AbortSignal): Promise<string>;
  /** What a script of the plugin folder writes. @throws CommandError */
  plugin(file: string, args: readonly string[], signal: AbortSignal): Promise<string>;
}

/** Why a property has no value now; `code` is PROPERR's. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: 'parameters' | 'missing' | 'wrong-type' | 'too-large' | 'timeout' | 'failed' | 'busy' | 'refused';

  constructor(code: CommandError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
