/** The artifact store of src/store, opened inside a run of the fake GitHub. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ArtifactStoreSettings, artifactStore } from "../../../src/store/artifacts.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { type FakeGitHub, type FakeGitHubOptions, type FakeRun, startFakeGitHub } from "./index.ts";

export interface ArtifactPlace {
  readonly github: FakeGitHub;
  readonly run: FakeRun;
  /** Warnings that stores of this place have logged. */
  readonly warnings: string[];
  /**
   * A new store in `run` (default: the place's first run). GitHub's client reads its token from the process's
   * environment, so only stores of the run that was opened last can upload.
   */
  readonly open: (run?: FakeRun, settings?: Partial<ArtifactStoreSettings>) => Store;
  /** What GitHub's client has printed, which would otherwise drown the tests' own output. */
  readonly printed: string[];
  /** What lies in RUNNER_TEMP. */
  readonly spooled: () => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
}

export async function artifactsIn(options: FakeGitHubOptions = {}): Promise<ArtifactPlace> {
  const github = await startFakeGitHub(options);
  const temporaryFolder = await mkdtemp(join(tmpdir(), "lifeboat-runner-temp-"));
  const first = github.state.addRun();
  const warnings: string[] = [];
  const printed: string[] = [];
  const before = { ...process.env };
  const print = process.stdout.write.bind(process.stdout);
  process.stdout.write = (text: string | Uint8Array) => printed.push(String(text)) > 0;
  const logger = { info: () => {}, warning: (line: string) => warnings.push(line), debug: () => {} };
  return {
    github,
    run: first,
    warnings,
    printed,
    open: (run = first, settings = {}) => {
      Object.assign(process.env, github.environmentFor(run));
      const { owner, repo } = github.state;
      return artifactStore({
        repository: { owner, name: repo },
        token: github.token,
        apiUrl: github.apiUrl,
        run: { id: run.id, temporaryFolder },
        clock: { now: () => github.state.now(), elapsedMs: () => systemClock.elapsedMs() },
        logger,
        sleep: () => Promise.resolve(),
        ...settings,
      });
    },
    spooled: () => readdir(temporaryFolder),
    close: async () => {
      process.stdout.write = print;
      process.env = before;
      await github.close();
      await rm(temporaryFolder, { recursive: true, force: true });
    },
  };
}
