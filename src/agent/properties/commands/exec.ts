import type { PropertyCommand } from '../property-command.ts';

/** `exec raid-state.sh [word ...]`: what a script of the plugin folder writes, as the type that the definition names. */
export const exec: PropertyCommand = {
  problem([file]) {
    if (file === undefined) return 'expected a script of the plugin folder';
    return isPluginName(file) ? undefined : `expected the name of a file in the plugin folder, found ${JSON.stringify(file)}`;
  },
  extract: ({ parameters: [file = '', ...args], view, signal }) => view.plugin(file, args, signal),
};

export function isPluginName(file: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(file);
}
