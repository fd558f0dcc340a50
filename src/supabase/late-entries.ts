/** What needs a project's rows: what the target refuses of it keeps nothing else from coming back. */
import { type Attempted, missingOf, type Refusal, type Refused, rootsOf } from "../postgres/refusal.ts";
import type { TocEntry } from "../postgres/restore-toc.ts";
import { refusalOf } from "../postgres/try-statement.ts";
import { unvalidated } from "../postgres/unvalidated.ts";
import { serverError } from "./attempt.ts";
import { type EntryRunner, runEntries } from "./run-entries.ts";

/**
 * In the open transaction, one by one, and again as long as that brings something about. A key or a check that rows
 * contradict is restored without being validated; whatever is refused for good is returned.
 */
export async function runLateEntries(
  runner: EntryRunner,
  entries: readonly TocEntry[],
): Promise<readonly Refusal[]> {
  await runner.sql.query("savepoint lifeboat_late");
  let left: readonly Attempted[] = entries.map((entry) => ({ entry, refused: notAsked }));
  for (let before = Infinity; left.length > 0 && left.length < before;) {
    before = left.length;
    left = await oneRound(runner, left);
  }
  const weaker: Refusal[] = [];
  const missing: Attempted[] = [];
  for (const one of left) {
    const { entry, refused } = one;
    const instead = unvalidated(entry, refused);
    const isWeaker =
      instead !== undefined &&
      (await tried(runner, { ...entry, definition: instead.definition })) === undefined;
    if (isWeaker) weaker.push({ ...missingOf(one, []), outcome: "weaker", command: instead.command });
    else missing.push(one);
  }
  await runner.sql.query("release savepoint lifeboat_late");
  return [...weaker, ...rootsOf({ entries }, missing)];
}

const notAsked: Refused = { code: "", message: "what it needs is missing" };

async function oneRound(runner: EntryRunner, waiting: readonly Attempted[]): Promise<readonly Attempted[]> {
  const left: Attempted[] = [];
  for (const { entry } of waiting) {
    const waits = left.some((other) => entry.dependencies.includes(other.entry.dumpId));
    const refused = waits ? notAsked : await tried(runner, entry);
    if (refused !== undefined) left.push({ entry, refused });
  }
  return left;
}

/** The next one's savepoint comes with the statement, so that what goes well costs no question of its own. */
async function tried(runner: EntryRunner, entry: TocEntry): Promise<Refused | undefined> {
  const definition = `${entry.definition}\nrelease savepoint lifeboat_late; savepoint lifeboat_late;`;
  const refused = await refusalOf(async () => {
    try {
      await runEntries(runner, [{ ...entry, definition }]);
    } catch (error) {
      throw serverError(error) as Error;
    }
  });
  if (refused !== undefined) await runner.sql.query("rollback to savepoint lifeboat_late");
  return refused;
}
