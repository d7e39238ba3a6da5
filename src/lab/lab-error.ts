/** What can go wrong in a lab, told to a person: what failed, on which object, what to do next. */
export type LabErrorCode =
  | 'not-root'
  | 'command-missing'
  | 'command-failed'
  | 'console-silent'
  | 'machine-running'
  | 'machine-ended'
  | 'monitor-failed'
  | 'server-ended'
  | 'server-silent';

export class LabError extends Error {
  override readonly name = 'LabError';
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
