/** Writes a backed-up project's settings into a project: looks, compares, and, unless it is a dry run, writes and looks again. */
import { createHash } from "node:crypto";
import { LifeboatError } from "../errors.ts";
import type { ContentsFile } from "../snapshot/contents.ts";
import { type ProjectSettings, readProjectSettings } from "../snapshot/project-settings.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import { deploy, deploymentOf } from "../supabase/deploy-functions.ts";
import { writableSettings } from "../supabase/flat-settings.ts";
import type { ManagementApi } from "../supabase/management-api.ts";
import { functionsOf, readFunctionBody, readSettings } from "../supabase/read-project-settings.ts";
import {
  type Change,
  compareSettings,
  type ProjectNow,
  type SettingsDiff,
} from "../supabase/settings-diff.ts";
import {
  apiFailureOnly,
  type NotWritten,
  performWrite,
  refused,
  settle,
  thirdPartyWrites,
  writeOf,
  type WriteOutcome,
  type Written,
} from "../supabase/write-settings.ts";
import { register, type Standing } from "../system/underway.ts";
import { hashOfPlan, requireAgreedPlan } from "./plan-hash.ts";
import { rawPart } from "./check-application.ts";
import { functionBodies, requireBodies } from "./function-bodies.ts";
import { namingOthers } from "./locate-snapshot.ts";
import { type ApplicationSurroundings, type ChosenApplication, openApplication } from "./open-application.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";
import { wholeOf } from "./whole-of.ts";

export interface ProjectRestoreRequest extends ChosenApplication {
  readonly api: ManagementApi;
  /** Must equal the project's ref where something is written. */
  readonly confirm: string | undefined;
  readonly dryRun: boolean;
  /** Of the dry run that was agreed to; another plan is refused. */
  readonly planHash: string | undefined;
}

export interface ProjectRestoreReport {
  readonly snapshot: SnapshotJson;
  /** Refs: that the backup is of, and that it is written into. */
  readonly backedUp: string;
  readonly project: string;
  readonly diff: SettingsDiff;
  readonly planHash: string;
  /** Absent after a dry run. */
  readonly done?: {
    readonly written: readonly Written[];
    readonly notWritten: readonly NotWritten[];
  };
  readonly seconds: number;
}

export async function restoreProjectSettings(
  request: ProjectRestoreRequest,
  surroundings: ApplicationSurroundings,
): Promise<ProjectRestoreReport> {
  const { clock, logger, signal } = surroundings;
  const { api } = request;
  const startedMs = clock.elapsedMs();
  const { snapshot, contents, newestWhole } = await openApplication(request, surroundings);
  const raw = (role: ContentsFile["role"]): AsyncIterable<Uint8Array> | undefined => {
    const file = contents.files.find((one) => one.role === role);
    return file === undefined ? undefined : rawPart(surroundings, snapshot, file, request.identities);
  };
  const document = raw("project-settings");
  if (document === undefined) {
    throw new LifeboatError(
      "project-settings-missing",
      `Snapshot ${snapshot.id} holds no settings of a Supabase project.`,
    );
  }
  const backup = readProjectSettings(
    await namingOthers(
      newestWhole,
      wholeOf(document, { document: "project-settings", maxBytes: sizeLimits.projectSettings }),
    ),
  );
  const diff = compareSettings(backup, await lookAt(api, backup));
  const planHash = hashOf(snapshot.id, api.project, diff.changes);
  requireAgreedPlan(request.planHash, planHash);
  const common = { snapshot, backedUp: backup.project, project: api.project, diff, planHash };
  const seconds = (): number => (clock.elapsedMs() - startedMs) / 1000;
  if (request.dryRun) return { ...common, seconds: seconds() };
  requireConfirmation(request, diff);
  const slugs = changedSlugs(diff);
  if (slugs.size > 0) {
    await namingOthers(newestWhole, requireBodies(raw("project-functions"), backup, slugs));
  }
  logger.info(`Writing ${diff.changes.length} settings of the project.`);
  const outcome: WriteOutcome = { written: [], notWritten: [], isBroken: false, sent: undefined };
  register(signal, () => progressOf(outcome, diff.changes.length));
  if (slugs.size > 0) await deployAll(api, { raw: raw("project-functions"), backup, slugs }, outcome, signal);
  for (const write of thirdPartyWrites(diff.changes)) await performWrite(api, write, outcome, signal);
  for (const setting of writableSettings) {
    const write = writeOf(setting, diff.changes, backup);
    if (write !== undefined) await performWrite(api, write, outcome, signal);
  }
  const done = diff.changes.length === 0 ? outcome : await judged(api, backup, outcome);
  return { ...common, done, seconds: seconds() };
}

/** For whoever ends the restore early. */
function progressOf({ written, notWritten, sent }: WriteOutcome, changes: number): Standing {
  const count = (list: readonly Written[]): number =>
    list.reduce((sum, { fields }) => sum + fields.length, 0);
  const sentences = [
    `Of ${changes} settings that differ, ${count(written)} are written and ${count(notWritten)} were refused.`,
    ...(sent === undefined ? [] : [`The request about ${sent.setting} was not answered: it may be done.`]),
    "The same restore, run again, compares once more and goes on.",
  ];
  return { sentence: sentences.join(" ") };
}

/** Bodies are fetched only where the bundle's hash does not say that they are the same. */
async function lookAt(api: ManagementApi, backup: ProjectSettings): Promise<ProjectNow> {
  const read = await readSettings(api);
  const bodies = new Map<string, string>();
  const backedUp = new Map(functionsOf(backup.settings["functions"]).map((one) => [one.slug, one]));
  for (const { slug, ezbr_sha256 } of functionsOf(read.present.functions)) {
    const known = backup.functions.find((one) => one.slug === slug);
    if (known === undefined) continue;
    if (ezbr_sha256 !== undefined && ezbr_sha256 === backedUp.get(slug)?.ezbr_sha256) {
      bodies.set(slug, known.sha256);
      continue;
    }
    const body = await readFunctionBody(api, slug);
    if ("bytes" in body) bodies.set(slug, createHash("sha256").update(body.bytes).digest("hex"));
  }
  return { project: api.project, read, bodies };
}

function hashOf(snapshot: string, project: string, changes: readonly Change[]): string {
  const promised = changes.map(({ setting, field, now, wanted }) => [setting, field, now, wanted]);
  return hashOfPlan({ snapshot, project, promised });
}

function requireConfirmation({ api, confirm }: ProjectRestoreRequest, { changes }: SettingsDiff): void {
  if (changes.length === 0) return;
  if (confirm === undefined) {
    throw new LifeboatError(
      "confirm-needed",
      `${changes.length} settings of project ${api.project} would be changed.`,
      { hint: `Read the diff (dry run), then confirm with the project's ref, "${api.project}".` },
    );
  }
  if (confirm !== api.project) {
    throw new LifeboatError(
      "confirm-mismatch",
      `Confirmed was "${confirm}", the project is "${api.project}".`,
    );
  }
}

function changedSlugs({ changes }: SettingsDiff): ReadonlySet<string> {
  const fields = changes.filter(({ setting }) => setting === "functions").map(({ field }) => field);
  return new Set(fields.map((field) => field.split(".")[0] ?? field));
}

interface Bodies {
  readonly raw: AsyncIterable<Uint8Array> | undefined;
  readonly backup: ProjectSettings;
  readonly slugs: ReadonlySet<string>;
}

async function deployAll(
  api: ManagementApi,
  { raw, backup, slugs }: Bodies,
  outcome: WriteOutcome,
  signal: AbortSignal,
): Promise<void> {
  const listed = await settle({ setting: "functions", fields: [...slugs] }, outcome, () =>
    api.read("/functions", "the functions"),
  );
  if (listed === undefined) return;
  const present = "value" in listed ? functionsOf(listed.value) : [];
  for await (const { body, bytes } of functionBodies(raw, backup, slugs)) {
    const deployment = deploymentOf(body.slug, backup, present);
    if (deployment === undefined) continue;
    const about = { setting: "functions", fields: [body.slug] } as const;
    signal.throwIfAborted();
    outcome.sent = about;
    const reply = await settle(about, outcome, () => deploy(api, deployment, bytes));
    if (reply === undefined) continue;
    if ("failure" in reply) outcome.notWritten.push(refused(about, reply));
    else outcome.written.push(about);
    outcome.sent = undefined;
  }
}

/** Not the answers count, but what the project has afterwards. */
async function judged(
  api: ManagementApi,
  backup: ProjectSettings,
  { written, notWritten, isBroken }: WriteOutcome,
): Promise<NonNullable<ProjectRestoreReport["done"]>> {
  const now = isBroken ? undefined : await lookAt(api, backup).catch(apiFailureOnly);
  if (now === undefined) {
    const reason = "the API took it, but could not be asked afterwards whether it is there";
    return { written: [], notWritten: [...notWritten, ...written.map((one) => ({ ...one, reason }))] };
  }
  const left = compareSettings(backup, now).changes;
  const isLeft = (setting: string, field: string): boolean =>
    left.some(
      (one) =>
        one.setting === setting &&
        (one.field === field || (setting === "functions" && one.field.startsWith(`${field}.`))),
    );
  const part = ({ setting, fields }: Written, wantsLeft: boolean): readonly string[] =>
    fields.filter((field) => isLeft(setting, field) === wantsLeft);
  const taken = [...written, ...notWritten]
    .map((one) => ({ setting: one.setting, fields: part(one, false) }))
    .filter(({ fields }) => fields.length > 0);
  const reason = "the API took it, but the project has another value";
  const ignored = written
    .map((one) => ({ setting: one.setting, fields: part(one, true), reason }))
    .filter(({ fields }) => fields.length > 0);
  const failed = notWritten
    .map((one) => ({ ...one, fields: part(one, true) }))
    .filter(({ fields }) => fields.length > 0);
  return { written: taken, notWritten: [...failed, ...ignored] };
}
