/** What a restore of settings would write, in words; secrets are never shown. */
import { shownValue } from "../supabase/project-secrets.ts";
import type { SettingsDiff } from "../supabase/settings-diff.ts";
import type { ProjectRestoreReport } from "./restore-project-settings.ts";

/** The diff as data, its values as they may be shown. */
export function shownDiff({ changes, byHand }: SettingsDiff): object {
  return {
    changes: changes.map(({ setting, field, now, wanted }) => ({
      setting,
      field,
      now: shownValue(field, now),
      wanted: shownValue(field, wanted),
    })),
    byHand,
  };
}

/** Names names from inside, so only where they may be shown. */
export function renderSettingsDiff({
  snapshot,
  backedUp,
  project,
  diff,
  planHash,
}: ProjectRestoreReport): string {
  const { changes, byHand } = diff;
  const settings = [...new Set(changes.map(({ setting }) => setting))];
  return [
    `Settings of project ${backedUp}, snapshot ${snapshot.id} of ${snapshot.times.snapshot}, into project ${project}:`,
    ...(changes.length === 0 ? ["", "Nothing to write: the project has all of it."] : []),
    ...settings.flatMap((setting) => [
      "",
      `${setting}:`,
      ...changes
        .filter((change) => change.setting === setting)
        .map(
          ({ field, now, wanted }) =>
            `  - ${field}: ${shownValue(field, now)} → ${shownValue(field, wanted)}`,
        ),
    ]),
    ...(byHand.length === 0 ? [] : ["", "Needs a person:"]),
    ...byHand.map(({ setting, what, reason }) => `  - ${setting}, ${what}: ${reason}`),
    "",
    `Plan ${planHash}`,
    "",
  ].join("\n");
}
