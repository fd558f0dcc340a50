/** Levels `unsealed` and `restored` of an application snapshot: every part decompressed, tars listed, the bundle cloned. */
import { createHash, randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { entriesOf, type ExtractReport, extractTar, listTar } from "../application/extract-tree.ts";
import { cloneIsolated } from "../application/isolated-git.ts";
import { cloneBundle, sameRefs } from "../application/git-repository.ts";
import { LifeboatError } from "../errors.ts";
import { folderNameOfThisProcess, sweepThrowawayFolders } from "../postgres/throwaway-server-folders.ts";
import type { Identities } from "../seal/identities.ts";
import { decompressStream } from "../seal/zstd.ts";
import type { ApplicationContents } from "../snapshot/application-contents.ts";
import { applicationOf, type Contents, type ContentsFile } from "../snapshot/contents.ts";
import { readProjectSettings } from "../snapshot/project-settings.ts";
import type { SnapshotJson } from "../snapshot/snapshot-json.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../system/logger.ts";
import type { Isolation } from "../system/sandbox/way.ts";
import { removeRoom } from "../system/sandbox/leftovers.ts";
import { judge } from "../verification/compare-database.ts";
import type { ComponentVerdict, Finding } from "../verification/findings.ts";
import { damageFinding } from "./check-stored.ts";
import { decideExecution, type Execution, type IsolationMeans } from "./isolate-contents.ts";
import { fileNamed, unsealFile } from "./sealed-files.ts";
import { sizeLimits } from "../snapshot/size-limits.ts";
import { wholeOf } from "./whole-of.ts";

export interface ApplicationCheck extends IsolationMeans {
  readonly store: Store;
  readonly zstd: string | undefined;
  readonly logger: Logger;
  /** Runs git on a bundle that cannot be isolated all the same. */
  readonly trustContents?: boolean | undefined;
}

/** What a part holds, decompressed and no longer than recorded. */
export function rawPart(
  { store, zstd }: Pick<ApplicationCheck, "store" | "zstd">,
  snapshot: SnapshotJson,
  file: ContentsFile,
  identities: Identities,
): AsyncIterable<Uint8Array> {
  const sealed = unsealFile(store, snapshot, fileNamed(snapshot, file.name), identities);
  return decompressStream(sealed, { maxBytes: file.rawBytes, zstd });
}

/** Each part to its end; the bundle is made a repository of in a throwaway folder, tars are listed or extracted there. */
export async function checkApplication(
  snapshot: SnapshotJson,
  contents: Contents,
  identities: Identities,
  level: "unsealed" | "restored",
  means: ApplicationCheck,
): Promise<readonly ComponentVerdict[]> {
  const { temporaryFolder, logger } = means;
  await sweepThrowawayFolders(temporaryFolder, logger);
  const folder = join(temporaryFolder, await folderNameOfThisProcess(randomBytes(6).toString("hex")));
  await mkdir(folder, { mode: 0o700 });
  try {
    const hasBundle = contents.files.some(({ role }) => role === "repository");
    const execution = hasBundle ? await decideExecution(means, means) : undefined;
    const verdicts: ComponentVerdict[] = [...(execution?.verdicts ?? [])];
    for (const file of contents.files) {
      const raw = rawPart(means, snapshot, file, identities);
      try {
        const findings = await checkPart(file, raw, applicationOf(contents), { level, folder, execution });
        verdicts.push(judge(file.role, 1, findings));
      } catch (cause) {
        verdicts.push(judge(file.role, 1, [damageFinding(cause, fileNamed(snapshot, file.name))]));
      }
    }
    return verdicts;
  } finally {
    await removeRoom(folder);
  }
}

interface Place {
  readonly level: "unsealed" | "restored";
  readonly folder: string;
  readonly execution: Execution | undefined;
}

async function checkPart(
  { role, rawBytes }: ContentsFile,
  raw: AsyncIterable<Uint8Array>,
  application: ApplicationContents,
  { level, folder, execution }: Place,
): Promise<readonly Finding[]> {
  if (role === "repository" && execution?.mayRun === true) {
    return await checkBundle(raw, application, folder, execution.isolation);
  }
  if (role === "files" || role === "config") {
    const target = join(folder, role);
    if (level === "restored") await mkdir(target);
    const found = level === "restored" ? await extractTar(raw, target) : await listTar(raw);
    return compareTree(role, application[role], found);
  }
  if (role === "project-functions") return await checkFunctions(raw, application);
  let bytes = 0;
  if (role === "project-settings") {
    const document = await wholeOf(raw, { document: role, maxBytes: sizeLimits.projectSettings });
    readProjectSettings(document);
    bytes = document.length;
  } else for await (const chunk of raw) bytes += chunk.length;
  return bytes === rawBytes ? [] : [differs(`The ${role} has ${bytes} bytes instead of ${rawBytes}.`)];
}

/** Each body by its hash: they are deployed as they are. */
async function checkFunctions(
  raw: AsyncIterable<Uint8Array>,
  { project }: ApplicationContents,
): Promise<readonly Finding[]> {
  const wanted = new Map(project?.functions.map(({ file, sha256 }) => [file, sha256]));
  let others = 0;
  for await (const { header, body } of entriesOf(raw)) {
    const hash = createHash("sha256");
    for await (const chunk of body) hash.update(chunk);
    if (wanted.get(header.name) === hash.digest("hex")) wanted.delete(header.name);
    else others += 1;
  }
  if (wanted.size === 0 && others === 0) return [];
  return [differs(`${wanted.size} bodies of functions are missing, ${others} are not those recorded.`)];
}

async function checkBundle(
  raw: AsyncIterable<Uint8Array>,
  { repository }: ApplicationContents,
  folder: string,
  isolation: Isolation | undefined,
): Promise<readonly Finding[]> {
  const bundle = join(folder, "repository.bundle");
  // Read by another account where it is isolated; the folder itself is ours alone.
  await pipeline(raw, createWriteStream(bundle, { flags: "wx", mode: 0o644 }));
  const headRef = repository?.headRef;
  const refs =
    isolation === undefined
      ? await cloneBundle(bundle, join(folder, "repository.git"), headRef)
      : await cloneIsolated(isolation, { folder, bundle, headRef });
  if (repository !== undefined && sameRefs(refs, repository.refs)) return [];
  return [
    differs(`The bundle has ${refs.length} refs that are not the ${repository?.refs.length ?? 0} recorded.`),
  ];
}

function compareTree(
  role: string,
  wanted: Omit<ExtractReport, "dropped"> | undefined,
  found: ExtractReport,
): readonly Finding[] {
  if (wanted === undefined)
    throw new LifeboatError("snapshot-damaged", `The contents do not know of ${role}.`);
  return (["files", "folders", "links", "bytes"] as const)
    .filter((field) => field !== "folders" && wanted[field] !== found[field])
    .map((field) => differs(`The ${role} have ${found[field]} ${field} instead of ${wanted[field]}.`));
}

function differs(sentence: string): Finding {
  const remedy = "Do not rely on this snapshot: verify an older one, and take a new backup now.";
  return { level: "error", code: "application-differs", sentence, publicSentence: sentence, remedy };
}
