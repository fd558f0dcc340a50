/** How a restore's target stands, for whoever has to say it: the restore itself, or who ends it. */
import { asLifeboatError } from "../errors.ts";
import type { Standing } from "../system/underway.ts";
import type { RestoreOutcome } from "./restore-hooks.ts";

export class TargetState {
  #howToSee = "";
  #outcome: RestoreOutcome = "unchanged";
  #rolesMade = 0;

  get outcome(): RestoreOutcome {
    return this.#outcome;
  }

  /** Roles belong to the server, not to the target, and stay. */
  madeRoles(count: number): void {
    this.#rolesMade += count;
  }

  /**
   * A step that nothing takes back: `sent` is called when it leaves, the work's end says what became of it. `howToSee` is
   * for a person, should no answer come.
   */
  async passing<T>(howToSee: string, step: (sent: () => void) => Promise<T>): Promise<T> {
    this.#howToSee = howToSee;
    try {
      const result = await step(() => (this.#outcome = "damaged"));
      this.#outcome = "restored";
      return result;
    } catch (thrown) {
      if (asLifeboatError(thrown).code !== "restore-state-unknown") this.#outcome = "unchanged";
      throw thrown;
    }
  }

  standing(): Standing {
    const roles =
      this.#rolesMade === 0 ? "" : ` ${this.#rolesMade} roles that were missing are made, and stay.`;
    if (this.#outcome === "restored") return { sentence: "The target is restored." };
    if (this.#outcome === "unchanged") return { sentence: `The target is unchanged.${roles}` };
    return {
      sentence: `The target's state is not known.${roles}`,
      isUnknown: true,
      hint: this.#howToSee,
    };
  }
}
