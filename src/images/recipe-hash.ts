import { createHash, type Hash } from 'node:crypto';
import { agentInputs } from './agent-bundle.ts';
import { overlayFiles } from './overlay.ts';
import type { Recipe } from './recipe.ts';

/** Raised when the same recipe makes another root than before: every image is then built anew. */
export const buildRevision = 2;

/** The sha256 of all that a build is made from, except the packages' own versions: recipe, overlay files, this program and its agent. */
export function recipeSha256(recipe: Recipe, programVersion: string): string {
  const hash = createHash('sha256');
  const { overlays, ...rest } = recipe;
  hash.update(JSON.stringify([buildRevision, programVersion, rest, ...(recipe.agent === true ? [agentInputs()] : [])]));
  for (const overlay of overlays) addOverlay(hash, overlay);
  return hash.digest('hex');
}

/** What decides a stage that lays overlays over the root. */
export function overlaysSha256(overlays: readonly string[]): string {
  const hash = createHash('sha256');
  for (const overlay of overlays) addOverlay(hash, overlay);
  return hash.digest('hex');
}

function addOverlay(hash: Hash, overlay: string): void {
  for (const file of overlayFiles(overlay))
    hash.update(JSON.stringify([file.path, file.kind, file.mode, file.content.length])).update(file.content);
}
