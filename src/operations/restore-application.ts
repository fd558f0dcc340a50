/** Restores code and configuration into a folder: a bare repository, files, config, environment file, settings. */
import { createWriteStream, existsSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { extractTar } from "../application/extract-tree.ts";
import { cloneBundle } from "../application/git-repository.ts";
import { clearLeftovers, replaceParts, stageIn } from "../application/replace-parts.ts";
import { LifeboatError } from "../errors.ts";
import { applicationOf, type Contents, type ContentsFile } from "../snapshot/contents.ts";
import { register } from "../system/underway.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import { rawPart } from "./check-application.ts";
import { namingOthers } from "./locate-snapshot.ts";
import { hashOfPlan, requireAgreedPlan } from "./plan-hash.ts";
import { type ApplicationSurroundings, type ChosenApplication, openApplication } from "./open-application.ts";

export interface ApplicationRestoreRequest extends ChosenApplication {
  /** Absolute. Made if its parent exists. */
  readonly folder: string;
  /** Must equal `folder` where something stands in it. */
  readonly confirm: string | undefined;
  readonly dryRun: boolean;
  /** A dry run's hash: the plan must still be that one. */
  readonly planHash?: string | undefined;
}

export interface ApplicationRestoreReport {
  readonly snapshot: SnapshotJson;
  /** What is, or would be, written below the folder. */
  readonly written: readonly { readonly path: string; readonly bytes: number }[];
  /** Hash of the plan: the snapshot, the folder, what is written there and what of it stands there. */
  readonly planHash: string;
  readonly isDryRun: boolean;
  readonly seconds: number;
}

/** Names of what a restore writes; nothing else in the folder is touched. */
const places: Partial<Record<ContentsFile["role"], string>> = {
  repository: "repository.git",
  files: "files",
  config: "config",
  environment: "environment",
  settings: "settings.json",
  "project-settings": "project-settings.json",
  "project-functions": "project-functions",
};

export async function restoreApplication(
  request: ApplicationRestoreRequest,
  surroundings: ApplicationSurroundings,
): Promise<ApplicationRestoreReport> {
  const { clock } = surroundings;
  const startedMs = clock.elapsedMs();
  const { snapshot, contents, newestWhole } = await openApplication(request, surroundings);
  const written = contents.files.map(({ role, rawBytes }) => ({ path: placeOf(role), bytes: rawBytes }));
  const seconds = (): number => (clock.elapsedMs() - startedMs) / 1000;
  const { folder } = request;
  const replaced = await takenIn(folder, contents);
  const planHash = hashOfPlan({ snapshot: snapshot.id, sha256: snapshot.sha256, folder, written, replaced });
  requireAgreedPlan(request.planHash, planHash);
  if (request.dryRun) return { snapshot, written, planHash, isDryRun: true, seconds: seconds() };
  requireConfirmation(request, replaced);
  if (!existsSync(folder)) await mkdir(folder, { mode: 0o700 });
  let standing = "Nothing in the folder was replaced.";
  register(surroundings.signal, () => ({ sentence: standing }));
  await clearLeftovers(folder);
  const staged = await stageIn(folder);
  try {
    await namingOthers(newestWhole, writeParts(staged, request, snapshot, contents, surroundings));
    // From here on it goes through: half of it would be neither the old nor the new.
    surroundings.signal.throwIfAborted();
    standing = "Parts of the application are on their way into their places.";
    await replaceParts(
      folder,
      staged,
      written.map(({ path }) => path),
    );
    standing = `All ${written.length} parts of the application are in their places.`;
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
  return { snapshot, written, planHash, isDryRun: false, seconds: seconds() };
}

function placeOf(role: ContentsFile["role"]): string {
  const place = places[role];
  if (place !== undefined) return place;
  throw new LifeboatError("snapshot-damaged", `An application snapshot has no part for ${role}.`);
}

/** The names that stand where something will be written. */
async function takenIn(folder: string, { files }: Contents): Promise<readonly string[]> {
  const there = await lstat(folder).catch(() => undefined);
  if (there === undefined) return [];
  if (!there.isDirectory()) throw new LifeboatError("restore-file-exists", `${folder} is no folder.`);
  const wanted = new Set(files.map(({ role }) => placeOf(role)));
  return (await readdir(folder)).filter((name) => wanted.has(name)).sort();
}

/** Replacing needs the folder's own name typed. */
function requireConfirmation({ folder, confirm }: ApplicationRestoreRequest, taken: readonly string[]): void {
  if (taken.length === 0) return;
  if (confirm === undefined) {
    throw new LifeboatError("confirm-needed", `In ${folder} ${taken.join(", ")} would be replaced.`, {
      hint: `Choose another folder, or confirm with "${folder}".`,
    });
  }
  if (confirm !== folder) {
    throw new LifeboatError("confirm-mismatch", `Confirmed was "${confirm}", the folder is "${folder}".`);
  }
}

async function writeParts(
  folder: string,
  { identities }: ApplicationRestoreRequest,
  snapshot: SnapshotJson,
  contents: Contents,
  surroundings: ApplicationSurroundings,
): Promise<void> {
  for (const file of contents.files) {
    const raw = rawPart(surroundings, snapshot, file, identities);
    const path = join(folder, placeOf(file.role));
    if (file.role === "files" || file.role === "config" || file.role === "project-functions") {
      await mkdir(path, { mode: 0o755 });
      await extractTar(raw, path);
    } else if (file.role === "repository") {
      const bundle = `${path}.bundle`;
      try {
        await pipeline(raw, createWriteStream(bundle, { flags: "wx", mode: 0o600 }));
        await cloneBundle(bundle, path, applicationOf(contents).repository?.headRef);
      } finally {
        await rm(bundle, { force: true });
      }
    } else {
      await pipeline(raw, createWriteStream(path, { flags: "wx", mode: 0o600 }));
      await chmod(path, 0o600);
    }
  }
}
