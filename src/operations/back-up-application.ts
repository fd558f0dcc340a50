/** Backs up code and configuration: a bundle of every ref, paths and folders as tar, the environment file, settings. */
import { bundleOf, inspectRepository } from "../application/git-repository.ts";
import { countAttributes } from "../application/attributes.ts";
import { noTotals, requirePaths, tarOf, type TreeRequest } from "../application/file-tree.ts";
import { notKeptFindings, sumOfKinds } from "../application/kept-findings.ts";
import { readRepositorySettings, type SettingsRequest } from "../application/repository-settings.ts";
import { LifeboatError } from "../errors.ts";
import { compressStream } from "../seal/node-zstd.ts";
import type { Recipients } from "../seal/recipients.ts";
import { sealDocument, sealStream } from "../seal/seal.ts";
import type { ApplicationContents } from "../snapshot/application-contents.ts";
import { type Contents, type ContentsFile, writeContents } from "../snapshot/contents.ts";
import { newSnapshotId } from "../snapshot/ids.ts";
import { contentsName } from "../snapshot/keys.ts";
import type { SigningKey } from "../snapshot/signature.ts";
import {
  readSnapshotJson,
  type SeenLedger,
  type SnapshotJson,
  type Tier,
  writeSnapshotJson,
} from "../snapshot/snapshot-json.ts";
import { globMatcher } from "../storage/object-filter.ts";
import type { Expected } from "../policy/policy.ts";
import type { Draft, Store } from "../store/store.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { readSettings } from "../supabase/read-project-settings.ts";
import type { ManagementApi } from "../supabase/management-api.ts";
import { streamOf } from "../system/stream-of.ts";
import type { Finding } from "../verification/findings.ts";
import { agreeOnTime, recordedClocks } from "./agree-on-time.ts";
import { expectationError, sizeFindings } from "./compare-with-previous.ts";
import { projectFindings, storeProjectSettings } from "./back-up-project-settings.ts";
import { newestHeads } from "./history.ts";

export interface ApplicationBackupRequest {
  readonly source: string;
  readonly tiers: readonly Tier[];
  readonly recipients: Recipients;
  readonly signingKey: SigningKey | undefined;
  readonly retentionDays?: number;
  /** The least that it must have. */
  readonly expect?: Expected;
  /** The ledger's end, which the snapshot remembers. */
  readonly seenLedger?: SeenLedger | undefined;
  /** Folder of the git repository, and what relative paths stand on. Absolute. */
  readonly workspace: string;
  readonly bundlesRepository: boolean;
  readonly paths: readonly string[];
  readonly config: readonly string[];
  /** Globs on names in the tar. */
  readonly exclude: readonly string[];
  /** The environment file's text. */
  readonly environment: string | undefined;
  /** Absent where no token may ask GitHub. */
  readonly settings: Omit<SettingsRequest, "sleep"> | undefined;
  /** Absent where no access token is given. */
  readonly project?: ManagementApi | undefined;
}

export interface ApplicationSurroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifeboatVersion: string;
  readonly signal: AbortSignal;
}

export interface ApplicationBackupReport {
  readonly snapshot: SnapshotJson;
  readonly contents: ApplicationContents;
  readonly findings: readonly Finding[];
  readonly seconds: number;
  /** It is stored, but has less than was expected. */
  readonly error?: LifeboatError;
}

export async function backUpApplication(
  request: ApplicationBackupRequest,
  surroundings: ApplicationSurroundings,
): Promise<ApplicationBackupReport> {
  const { store } = surroundings;
  const { source } = request;
  const startedMs = surroundings.clock.elapsedMs();
  const time = await agreeOnTime(surroundings.clock, store);
  const { clock, now: started } = time;
  const clocks = recordedClocks(time, surroundings.clock);
  const trees = treesOf(request);
  requireSomething(request);
  await requirePaths(trees.files);
  await requirePaths(trees.config);
  const repository = request.bundlesRepository ? await inspectRepository(request.workspace) : undefined;
  const settings =
    request.settings === undefined ? undefined : await readRepositorySettings(request.settings);
  const project = request.project === undefined ? undefined : await readSettings(request.project);
  const history = await newestHeads(store, source);

  const id = newSnapshotId(started);
  const { retentionDays, tiers } = request;
  const lifetime = retentionDays === undefined ? {} : { lifetime: { retentionDays, tiers } };
  const draft = await store.begin({ source, id, ...lifetime });
  try {
    const parts = new Parts(draft, request.recipients);
    const application: ApplicationContents = {};
    if (repository !== undefined) {
      await parts.store("repository", "repository.bundle", bundleOf(request.workspace, surroundings.signal));
      application.repository = { ...repository, refs: repository.refs.map((ref) => ({ ...ref })) };
    }
    for (const role of ["files", "config"] as const) {
      const tree = trees[role];
      if (tree.paths.length === 0) continue;
      const totals = noTotals();
      await parts.store(role, `${role}.tar`, tarOf(tree, totals));
      const attributes = await countAttributes(tree);
      if (attributes === undefined) totals.kinds["attributes-unknown"] = 1;
      else if (attributes > 0) totals.kinds["attributes"] = attributes;
      application[role] = { paths: [...tree.paths], ...totals };
    }
    if (request.environment !== undefined) {
      const bytes = Buffer.from(request.environment);
      await parts.store("environment", "environment", streamOf(bytes));
      application.environment = { bytes: bytes.length };
    }
    if (settings !== undefined) {
      await parts.store(
        "settings",
        "settings.json",
        streamOf(Buffer.from(`${JSON.stringify(settings, null, 1)}\n`)),
      );
      const { present, unreadable } = settings;
      application.settings = {
        kinds: Object.keys(present),
        unreadable: unreadable.map((one) => ({ ...one })),
      };
    }
    if (request.project !== undefined && project !== undefined) {
      const taken = clock.now().toISOString();
      application.project = await storeProjectSettings(request.project, { read: project, taken }, parts);
    }
    const { files } = parts;
    const contents: Contents = { formatVersion: 1, id, source, files: [...files], application };
    const sealed = await sealDocument(writeContents(contents), request.recipients);
    const end = await agreeOnTime(surroundings.clock, store);
    await draft.put(contentsName, streamOf(sealed.bytes));
    const bytes = writeSnapshotJson(
      {
        id,
        source,
        kind: "application",
        state: "whole",
        tiers: [...request.tiers],
        times: {
          started: started.toISOString(),
          snapshot: started.toISOString(),
          finished: end.now.toISOString(),
        },
        clocks,
        versions: { lifeboat: surroundings.lifeboatVersion },
        recipients: [...request.recipients.fingerprints],
        totals: {
          tables: 0,
          rows: 0,
          objects: (application.files?.files ?? 0) + (application.config?.files ?? 0),
          rawBytes: files.reduce((sum, file) => sum + file.rawBytes, 0),
          sealedBytes: files.reduce((sum, file) => sum + file.header.length + file.payload.length, 0),
        },
        packs: [],
        heads: [...history.heads],
        seen: [...history.seen],
        ...(request.seenLedger === undefined ? {} : { ledger: request.seenLedger }),
        files: [
          ...files.map(({ name, header, payload }) => ({ name, header, payload })),
          { name: contentsName, ...sealed.extents },
        ],
      },
      request.signingKey,
    );
    await draft.commit(bytes);
    const made = readSnapshotJson(bytes, { source, id });
    const error = expectationError(made, request.expect);
    const holdsFiles = application.files !== undefined || application.config !== undefined;
    return {
      snapshot: made,
      contents: application,
      findings: [
        ...(time.findings.length > 0 ? time.findings : end.findings),
        ...history.findings,
        ...findingsOf(application),
        ...(holdsFiles ? sizeFindings(made, history.newestWhole(started)) : []),
      ],
      seconds: (clock.elapsedMs() - startedMs) / 1000,
      ...(error === undefined ? {} : { error }),
    };
  } catch (cause) {
    await draft.abandon();
    throw cause;
  }
}

/** Seals and stores one part after the other. */
class Parts {
  readonly files: ContentsFile[] = [];
  readonly #draft: Draft;
  readonly #recipients: Recipients;

  constructor(draft: Draft, recipients: Recipients) {
    this.#draft = draft;
    this.#recipients = recipients;
  }

  async store(role: ContentsFile["role"], title: string, raw: AsyncIterable<Uint8Array>): Promise<void> {
    let rawBytes = 0;
    async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const bytes of raw) {
        rawBytes += bytes.length;
        yield bytes;
      }
    }
    const name = `${title}.zst.age`;
    const sealing = sealStream(compressStream(counted()), this.#recipients);
    await this.#draft.put(name, sealing.bytes);
    this.files.push({ name, role, ...sealing.extents(), rawBytes });
  }
}

function treesOf(request: ApplicationBackupRequest): Record<"files" | "config", TreeRequest> {
  const excluded = request.exclude.map(globMatcher);
  const base = request.workspace;
  const isExcluded = (name: string): boolean => excluded.some((matches) => matches(name));
  // The bundle has the repository's history; its folder holds tokens of the checkout besides.
  const isExcludedFile = (name: string): boolean => /(?:^|\/)\.git$/.test(name) || isExcluded(name);
  return {
    files: { base, paths: request.paths, isExcluded: isExcludedFile },
    config: { base, paths: request.config, isExcluded },
  };
}

function requireSomething(request: ApplicationBackupRequest): void {
  const { bundlesRepository, paths, config, environment, project } = request;
  if (bundlesRepository || paths.length > 0 || config.length > 0 || environment !== undefined) return;
  if (project !== undefined) return;
  throw new LifeboatError("input-invalid", "There is nothing to back up.", {
    hint: "Give the repository, paths, config, an environment or an access token.",
  });
}

function findingsOf({
  repository,
  settings,
  files,
  config,
  project,
}: ApplicationContents): readonly Finding[] {
  const findings: Finding[] = [];
  const warn = (code: string, sentence: string, remedy: string): void =>
    void findings.push({ level: "warning", code, sentence, publicSentence: sentence, remedy });
  if (repository?.usesLfs === true) {
    warn(
      "lfs-not-covered",
      "The repository keeps files in Git LFS; the bundle holds only their pointers.",
      "Check them out (`lfs: true`) and name their folders in `paths`.",
    );
  }
  findings.push(...notKeptFindings(sumOfKinds([files?.kinds, config?.kinds])));
  if (settings !== undefined && settings.unreadable.length > 0) {
    const what = settings.unreadable.map(({ kind, status }) => `${kind} (${status})`).join(", ");
    warn(
      "settings-not-readable",
      `The token may not read these settings of the repository: ${what}.`,
      "Give a fine-grained token with read access to administration, variables, secrets and environments.",
    );
  }
  return project === undefined ? findings : [...findings, ...projectFindings(project)];
}
