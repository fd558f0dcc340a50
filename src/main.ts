/** The bundle's two doors: an action by its name, and the command line. */
import { appBackup } from "./actions/app-backup/run.ts";
import { dbBackup } from "./actions/db-backup/run.ts";
import { drill } from "./actions/drill/run.ts";
import { monitor } from "./actions/monitor/run.ts";
import { plan } from "./actions/plan/run.ts";
import { prune } from "./actions/prune/run.ts";
import { restore } from "./actions/restore/run.ts";
import { rotateKeys } from "./actions/rotate-keys/run.ts";
import { storageBackup } from "./actions/storage-backup/run.ts";
import { verify } from "./actions/verify/run.ts";
import { witness } from "./actions/witness/run.ts";
import { type Action, runAction as run } from "./runner/run-action.ts";

export { runCli } from "./cli/run-cli.ts";

const actions = {
  "app-backup": appBackup,
  "db-backup": dbBackup,
  drill,
  monitor,
  plan,
  prune,
  restore,
  "rotate-keys": rotateKeys,
  "storage-backup": storageBackup,
  verify,
  witness,
} as const satisfies Record<string, Action>;

/** Runs the action of this name to the end of the process. */
export function runAction(name: keyof typeof actions): Promise<never> {
  return run(name, actions[name]);
}
