/** The inputs of `app-backup` and the flags of `lifeboat backup application`. */
import { resolve } from "node:path";
import { LifeboatError } from "../../errors.ts";
import type { InputReader } from "../../runner/input-reader.ts";
import { globMatcher } from "../../storage/object-filter.ts";
import { type BackupInputs, backupInputs } from "../backup-inputs.ts";
import { namedBySource, optionalSecret } from "../policy-secrets.ts";
import type { ChosenSource, SourceOf } from "../policy-source.ts";
import { projectBackedUp, type ProjectInputs } from "../project-settings-inputs.ts";

export interface AppBackupInputs extends BackupInputs {
  /** As given: relative to the runner's workspace, or to the present folder of a terminal. */
  readonly workspace: string;
  readonly bundlesRepository: boolean;
  readonly paths: readonly string[];
  readonly config: readonly string[];
  readonly exclude: readonly string[];
  readonly environment: string | undefined;
  readonly settings: SettingsInputs | undefined;
  /** The Supabase project whose settings are backed up too. */
  readonly project: ProjectInputs | undefined;
  readonly postgresBin: undefined;
}

interface SettingsInputs {
  readonly repository: string;
  readonly token: string;
}

export function appBackupInputs(
  read: InputReader,
  chosen?: ChosenSource<SourceOf<"application">>,
): AppBackupInputs {
  const common = backupInputs(read, { source: "application", chosen });
  const { source } = chosen ?? {};
  const exclude = read.optional.list("exclude") ?? source?.exclude ?? [];
  if (exclude.includes("")) read.problem("exclude", "a glob is empty.", "Write globs like `tmp/**`.");
  exclude.forEach(globMatcher);
  return {
    ...common,
    workspace: resolve(read.string("workspace", ".")),
    bundlesRepository: read.boolean("bundle", true),
    paths: read.optional.list("paths") ?? source?.paths ?? [],
    config: read.optional.list("config") ?? source?.config ?? [],
    exclude,
    environment: optionalSecret(
      read,
      "environment",
      namedBySource(chosen, "env", source?.env),
      (text) => text,
    ),
    settings: settingsInputs(read),
    project: projectBackedUp(read, chosen),
    postgresBin: undefined,
  };
}

function settingsInputs(read: InputReader): SettingsInputs | undefined {
  const token = read.optional.secret("settings-token");
  const repository = read.optional.parsed("repository", parseRepository);
  if (token === undefined) return undefined;
  if (repository === undefined) {
    read.problem("repository", "is missing.", "Settings are read of `owner/name`.");
    return undefined;
  }
  return { repository, token };
}

function parseRepository(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9-]*\/[A-Za-z0-9._-]+$/.test(text)) return text;
  throw new LifeboatError("input-invalid", "not owner/name.", { hint: "" });
}
