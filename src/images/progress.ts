/** Tells a person what takes so long: one line when a stage begins, one every so often, one when it ends. */
export interface Progress {
  /** Runs the stage; what it returns is passed on. `notes` are lines about it. */
  stage<Result>(title: string, work: (note: (line: string) => void) => Promise<Result>): Promise<Result>;
  note(line: string): void;
}

/** Lines of text with the seconds since the first one: `[ 12.3 s] unpack the bootstrap stage (3.1 s)`. */
export function textProgress(write: (text: string) => void, patienceMs = 15_000): Progress {
  const startedMs = performance.now();
  const line = (text: string): void => write(`[${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s] ${text}\n`);
  return {
    note: line,
    async stage(title, work) {
      const beganMs = performance.now();
      line(`${title} ...`);
      const seconds = (): string => ((performance.now() - beganMs) / 1000).toFixed(1);
      let last = '';
      const patience = setInterval(() => line(`${title}: still at it after ${seconds()} s${last && `, ${last}`}`), patienceMs);
      try {
        const result = await work((note) => void (last = note));
        line(`${title}: done in ${seconds()} s`);
        return result;
      } finally {
        clearInterval(patience);
      }
    },
  };
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(bytes < 10 * 1024 ** 2 ? 1 : 0)} MiB`;
}
