/**
 * Every problem that the monitor can name: how bad it is, its title, and what to do in one sentence. docs/runbook.md has
 * a section for each code. The codes stand in issues that are open somewhere: they are added to, never renamed.
 */
export interface MonitorEntry {
  /** Errors fail the run; warnings are told as well, but leave it green. */
  readonly level: "error" | "warning";
  /** Of an issue, behind the source's name. */
  readonly title: string;
  readonly remedy: string;
}

export const monitorCatalogue = {
  "backup-damaged": {
    level: "error",
    title: "backups are damaged",
    remedy: "Find out who or what can write into the store; do not rely on these, and verify the others now.",
  },
  "backup-late": {
    level: "error",
    title: "the last good backup is older than allowed",
    remedy: "Look at the last runs of the backup workflow, mend what stopped it, and start it by hand.",
  },
  "backup-missing": {
    level: "error",
    title: "there is no good backup",
    remedy: "Start the backup workflow by hand now, and see that it ends well.",
  },
  "backup-unverified": {
    level: "error",
    title: "backups are made, but not checked",
    remedy: "See that `verify` runs after each backup and has the identity that opens it.",
  },
  "clock-wrong": {
    level: "warning",
    title: "a clock was wrong when a backup was made",
    remedy: "Check the clocks of the machine that made it and of its database server.",
  },
  "copy-late": {
    level: "error",
    title: "a store does not get its copies",
    remedy:
      "Look at the backup's `copy-to`, the store's credentials and its free space; `lifeboat copy` catches up.",
  },
  "document-damaged": {
    level: "error",
    title: "documents beside the backups are damaged or gone",
    remedy:
      'Check who has write access to the store, and restore the files from a copy. Then: lifeboat unfreeze SOURCE --because "…".',
  },
  "document-not-trusted": {
    level: "warning",
    title: "a stranger's documents lie beside the backups",
    remedy: "Find out who wrote them; they lift no protection.",
  },
  "document-too-new": {
    level: "warning",
    title: "a newer Lifeboat wrote into the store",
    remedy: "Use that version everywhere.",
  },
  "drill-failed": {
    level: "error",
    title: "a drill failed",
    remedy:
      "Read the drill's report (the run's summary, or `report` in its evidence), mend it, and drill again.",
  },
  "drill-late": {
    level: "error",
    title: "no drill has passed for too long",
    remedy: "Start the drill workflow by hand, and see why its schedule did not.",
  },
  "drill-objective-missed": {
    level: "warning",
    title: "a drill missed an objective",
    remedy: "Make recovery faster or backups more frequent, or agree on other objectives (`rto`, `rpo`).",
  },
  "evidence-not-trusted": {
    level: "warning",
    title: "results of checks are not trusted",
    remedy: "Give `verify` the signing key or the ledger; find out who wrote these results.",
  },
  "expiry-ahead": {
    level: "warning",
    title: "a backup that shall stay will expire",
    remedy: "GitHub cannot keep an artifact longer: copy the snapshot to another store (`lifeboat copy`).",
  },
  "history-broken": {
    level: "error",
    title: "backups are gone or were replaced without a reason",
    remedy: "Treat it as an attack until it is understood: find out who can write into the store.",
  },
  "job-cancelled": {
    level: "error",
    title: "a job was cancelled",
    remedy: "Find out who or what cancelled it (a time limit counts too), and run it again.",
  },
  "job-failed": {
    level: "error",
    title: "a job failed",
    remedy: "Open the run: its summary says what failed and what to do.",
  },
  "job-without-record": {
    level: "error",
    title: "a job left no record",
    remedy:
      "Hand the action's output `record` on as an output of the job; if it is there, find out what ended the action.",
  },
  "keys-overdue": {
    level: "warning",
    title: "the keys are older than the policy wants",
    remedy: "Rotate them: docs/keys.md has the steps.",
  },
  "last-backup-expires": {
    level: "error",
    title: "the last good backup will expire soon",
    remedy: "Make a new backup now, or copy this one to a store that does not expire (`lifeboat copy`).",
  },
  "ledger-broken": {
    level: "error",
    title: "the ledger is broken",
    remedy: "Find out who changed it: it is only ever added to.",
  },
  "quota-exceeded": {
    level: "warning",
    title: "GitHub charges for more than the plan includes",
    remedy:
      "See that a payment method and a budget are set, or keep less and back up less often (docs/limits.md): over the quota GitHub refuses runs and uploads.",
  },
  "retention-frozen": {
    level: "error",
    title: "retention is frozen",
    remedy: 'Find out what happened. If the change was meant: lifeboat unfreeze SOURCE --because "…".',
  },
  "schedule-disabled": {
    level: "error",
    title: "a workflow is disabled",
    remedy: "Enable it on the repository's page Actions; with `actions: write` the monitor does it itself.",
  },
  "schedule-reenabled": {
    level: "warning",
    title: "a disabled workflow was enabled again",
    remedy: "Commit something now and then: GitHub disables schedules of repositories without activity.",
  },
  "size-anomaly": {
    level: "error",
    title: "the numbers of a backup look wrong",
    remedy:
      'Retention stops until a person has looked. If the change was meant: lifeboat unfreeze SOURCE --because "…".',
  },
  "store-unreadable": {
    level: "error",
    title: "a store cannot be read",
    remedy: "See that the store exists, answers, and that the credentials are right.",
  },
  "verification-failed": {
    level: "error",
    title: "the newest backup failed its verification",
    remedy:
      "Read the findings of its verification. If the source is at fault, fix it there; otherwise do not rely on this backup: make a new one now and verify it.",
  },
  "verification-late": {
    level: "error",
    title: "no restore has been proven for too long",
    remedy: "Run the workflow that verifies at level `restored`, and see why its schedule did not.",
  },
} as const satisfies Record<string, MonitorEntry>;

export type MonitorCode = keyof typeof monitorCatalogue;

export function isMonitorCode(text: string): text is MonitorCode {
  return Object.hasOwn(monitorCatalogue, text);
}
