import { runProgram } from '../run-program.ts';

const infoMs = 30_000;

/**
 * Whether Xen can follow what a guest writes while its memory is sent. For a PV guest that takes shadow paging, which Debian's Xen is
 * built without; for others the processor does it. Where Xen does not say what it can, xl is to try.
 */
export async function canGoLive(program: string, config: string): Promise<boolean> {
  const { out } = await runProgram([program, 'info'], { timeoutMs: infoMs });
  const [, words] = /^virt_caps\s*:(.*)$/m.exec(out) ?? [];
  if (words === undefined) return true;
  const can = new Set(words.trim().split(/\s+/));
  const [, type = 'pv'] = /^\s*type\s*=\s*["'](\w+)["']/m.exec(config) ?? [];
  return can.has('shadow') || (type !== 'pv' && can.has('hap'));
}
