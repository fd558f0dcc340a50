/** Restores code and configuration into a folder: a bare repository, files, config, environment file, settings. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { compareTar, differs, hashBack } from "../application/compare-tree.ts";
import { extractTar } from "../application/extract-tree.ts";
import { cloneBundle, refsOf, sameRefs } from "../application/git-repository.ts";
import { type Kinds, notRestoredFindings, sumOfKinds } from "../application/kept-findings.ts";
import { clearLeftovers, replaceParts, stageIn } from "../application/replace-parts.ts";
import { LifeboatError } from "../errors.ts";
import { applicationOf, type Contents, type ContentsFile } from "../snapshot/contents.ts";
import { register } from "../system/underway.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import { writing } from "../storage/tree-files.ts";
import type { Finding } from "../verification/findings.ts";
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
  /** What of the files is not brought back. */
  readonly findings: readonly Finding[];
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
  if (request.dryRun) {
    const findings = notRestoredFindings(plannedKinds(contents), false);
    return { snapshot, written, planHash, isDryRun: true, findings, seconds: seconds() };
  }
  requireConfirmation(request, replaced);
  if (!existsSync(folder)) await writing(mkdir(folder, { mode: 0o700 }));
  await writing(clearLeftovers(folder));
  const staged = await writing(stageIn(folder));
  let standing = "Nothing in the folder was replaced.";
  register(surroundings.signal, () => ({ sentence: standing }));
  const part = (file: ContentsFile): AsyncIterable<Uint8Array> =>
    rawPart(surroundings, snapshot, file, request.identities);
  try {
    const dropped = await namingOthers(newestWhole, writeParts(staged, contents, part));
    // From here on it goes through: half of it would be neither the old nor the new.
    surroundings.signal.throwIfAborted();
    standing = "Parts of the application are on their way into their places.";
    await replaceParts(
      folder,
      staged,
      written.map(({ path }) => path),
      () => namingOthers(newestWhole, compareParts(folder, contents, part)),
    );
    standing = `All ${written.length} parts of the application are in their places.`;
    const findings = notRestoredFindings(dropped, true);
    return { snapshot, written, planHash, isDryRun: false, findings, seconds: seconds() };
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
}

/** What the backup counted; older ones did not. */
function plannedKinds(contents: Contents): Kinds {
  const { files, config } = applicationOf(contents);
  return sumOfKinds([files?.kinds, config?.kinds]);
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

type PartOf = (file: ContentsFile) => AsyncIterable<Uint8Array>;

const trees: readonly ContentsFile["role"][] = ["files", "config", "project-functions"];

/** What was not brought back, by kind. */
async function writeParts(folder: string, contents: Contents, part: PartOf): Promise<Kinds> {
  const dropped: Kinds[] = [];
  for (const file of contents.files) {
    const path = join(folder, placeOf(file.role));
    if (trees.includes(file.role)) {
      await writing(mkdir(path, { mode: 0o755 }));
      dropped.push((await extractTar(part(file), path)).dropped);
    } else if (file.role === "repository") {
      const bundle = `${path}.bundle`;
      try {
        await writePart(part(file), bundle);
        await cloneBundle(bundle, path, applicationOf(contents).repository?.headRef);
      } finally {
        await rm(bundle, { force: true });
      }
    } else {
      await writePart(part(file), path);
      await writing(chmod(path, 0o600));
    }
  }
  return sumOfKinds(dropped);
}

async function writePart(raw: AsyncIterable<Uint8Array>, path: string): Promise<void> {
  const file = await writing(open(path, "wx", 0o600));
  try {
    for await (const bytes of raw) await writing(file.writeFile(bytes));
    await writing(file.sync());
  } finally {
    await file.close();
  }
}

/** Reads back what stands in the folder now, beside a second reading of the backup. */
async function compareParts(folder: string, contents: Contents, part: PartOf): Promise<void> {
  for (const file of contents.files) {
    const place = placeOf(file.role);
    const path = join(folder, place);
    if (trees.includes(file.role)) await compareTar(part(file), path);
    else if (file.role === "repository") {
      const wanted = applicationOf(contents).repository?.refs ?? [];
      if (!sameRefs(await refsOf(path), wanted)) throw differs(place, "has other refs than the backup");
    } else {
      const hash = createHash("sha256");
      for await (const bytes of part(file)) hash.update(bytes);
      if ((await writing(hashBack(path))) !== hash.digest("hex")) throw differs(place, "has other bytes");
    }
  }
}
