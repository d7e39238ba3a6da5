import type { Machine } from '../../model/machine.ts';
import { chooseRole } from '../roles/choose-role.ts';
import type { EvaluateRule } from '../roles/choose-role.ts';
import type { ManagerSettings } from '../settings.ts';
import type { Now } from '../state.ts';
import type { ManagerObjects, Surroundings } from '../surroundings.ts';
import { byName } from '../world.ts';
import type { Objects, World } from '../world.ts';

const roleEveryMs = 10_000;
/** For a host that has no role yet: what its rule reads may come at any moment. */
const noRoleEveryMs = 1000;

interface ChosenRole {
  readonly machine: Machine;
  readonly assigned: string;
  readonly roles: readonly unknown[];
  readonly atMs: number;
  readonly choice: { readonly role?: string; readonly reason: string };
}

/** What rules over a host may read. */
export interface RuleSight {
  propertiesOf(machine: string): Readonly<Record<string, unknown>>;
  readonly evaluate: EvaluateRule;
}

/** The surroundings as decisions see them at one moment. What does not change is not looked at again. */
export class WorldView {
  readonly #surroundings: Surroundings;
  readonly #settings: ManagerSettings;
  readonly #sight: RuleSight;
  readonly #chosen = new Map<string, ChosenRole>();
  #listed: ManagerObjects | undefined;
  #objects: Objects | undefined;

  constructor(surroundings: Surroundings, settings: ManagerSettings, sight: RuleSight) {
    this.#surroundings = surroundings;
    this.#settings = settings;
    this.#sight = sight;
  }

  at(now: Now): World {
    const { name, boots, images, network, power } = this.#surroundings;
    return {
      manager: name,
      now,
      settings: this.#settings,
      objects: this.#named(),
      newestBoot: (machine) => boots.newest(machine),
      resolveImage: (image) => images.resolve(image),
      renderDomain: (vm, environment, host) => this.#surroundings.renderDomain(vm, environment, host),
      hasPower: (machine) => power.has(machine),
      pathProblem: (machine) => {
        const address = boots.newest(machine)?.address;
        return address === undefined ? undefined : network?.problemTo(address);
      },
      roleOf: (machine, assigned, current) => this.#roleOf(machine, assigned, current, now.monoMs),
      newId: () => this.#surroundings.newId(),
      newKey: () => this.#surroundings.newKey(),
    };
  }

  /** What was chosen for it is chosen anew. */
  forget(machine: string): void {
    this.#chosen.delete(machine);
  }

  #named(): Objects {
    const { current } = this.#surroundings.objects;
    if (this.#objects === undefined || this.#listed !== current) {
      this.#listed = current;
      this.#objects = byName(current);
    }
    return this.#objects;
  }

  #roleOf(
    machine: Machine,
    assigned: { readonly role: string; readonly by: string } | undefined,
    current: string | undefined,
    nowMs: number,
  ): ChosenRole['choice'] {
    const { roles } = this.#named().listed;
    const given = assigned === undefined ? '' : `${assigned.role} ${assigned.by}`;
    const before = this.#chosen.get(machine.name);
    const same = before?.machine === machine && before.assigned === given && before.roles === roles;
    const everyMs = before?.choice.role === undefined ? noRoleEveryMs : roleEveryMs;
    if (before !== undefined && same && nowMs - before.atMs < everyMs) return before.choice;
    const question = {
      machine,
      properties: this.#sight.propertiesOf(machine.name),
      ...(assigned === undefined ? {} : { assigned }),
      ...(current === undefined ? {} : { current }),
    };
    const { role, reason } = chooseRole(question, roles, this.#sight.evaluate);
    const choice = { ...(role === undefined ? {} : { role: role.name }), reason };
    this.#chosen.set(machine.name, { machine, assigned: given, roles, atMs: nowMs, choice });
    return choice;
  }
}
