/** Which of a backup's extensions a server can have, which only later, and why not the others. */
import { quoteIdentifier } from "../postgres/identifiers.ts";
import { cron, notPreloaded, placeOfCron } from "../postgres/preloaded-extensions.ts";
import type { TargetFacts } from "../postgres/restore-target.ts";
import type { DatabaseContents } from "../snapshot/contents.ts";

export interface Unloadable {
  readonly name: string;
  readonly why: string;
}

export interface ExtensionPlan {
  /** The server has no files of theirs, or does not preload them. */
  readonly missing: readonly string[];
  /** Left out of the copy, with everything that needs them. */
  readonly skipped: readonly string[];
  /** Those of the skipped that are brought once the database has its name. */
  readonly late: readonly string[];
  /** Installed on the server, but not so that they could be created. */
  readonly unloadable: readonly Unloadable[];
}

export function planExtensions(
  { extensions }: Pick<DatabaseContents, "extensions">,
  { availableExtensions, preloads }: Pick<TargetFacts, "availableExtensions" | "preloads">,
  target: string,
): ExtensionPlan {
  const names = extensions.map(({ name }) => name);
  const unloadable = names
    .filter((name) => availableExtensions.has(name))
    .flatMap((name): readonly Unloadable[] => {
      const why = notPreloaded(name, preloads);
      return why === undefined ? [] : [{ name, why }];
    });
  const missing = names.filter(
    (name) => !availableExtensions.has(name) || unloadable.some((one) => one.name === name),
  );
  const place = placeOfCron(preloads, target);
  const outOfPlace = names.includes(cron) && !missing.includes(cron) && place !== "copy" ? [cron] : [];
  const where = quoteIdentifier(preloads.cronDatabase ?? "");
  const elsewhere = `cron.database_name is ${where}, and it can be in no other database`;
  return {
    missing,
    skipped: [...missing, ...outOfPlace],
    late: place === "target" ? outOfPlace : [],
    unloadable: [
      ...unloadable,
      ...(place === "elsewhere" ? outOfPlace : []).map((name) => ({ name, why: elsewhere })),
    ],
  };
}
