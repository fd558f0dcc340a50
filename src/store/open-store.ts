/** From the address that a person writes to the store it means. */
import { isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";
import { LifeboatError } from "../errors.ts";
import type { Clock } from "../system/clock.ts";
import type { Logger } from "../system/logger.ts";
import { artifactStore, type Repository, type WritingRun } from "./artifacts.ts";
import { directoryStore } from "./directory.ts";
import { s3Store } from "./s3.ts";
import { parseS3Address, type S3Address } from "./s3-address.ts";
import type { Store } from "./store.ts";
import { sleepUntilStopped, untilStopped } from "./until-stopped.ts";
import { realSleep, type Sleep, withRetries } from "./with-retries.ts";

export type StoreAddress =
  | { readonly kind: "directory"; readonly path: string }
  /** Without a repository: that of the current workflow run. */
  | { readonly kind: "artifacts"; readonly repository?: Repository }
  | ({ readonly kind: "s3" } & S3Address);

export interface StoreSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sleep?: Sleep;
  /** Nothing is written, committed or deleted once it has aborted. */
  readonly signal?: AbortSignal;
  /** What GitHub artifacts need; a directory needs none of it. */
  readonly github?: GitHubSurroundings;
}

export interface GitHubSurroundings {
  readonly token?: string;
  /** Default https://api.github.com */
  readonly apiUrl?: string;
  /** The workflow run that this is part of; absent on a terminal. */
  readonly run?: WritingRun & { readonly repository: Repository };
  readonly defaultBranch?: string;
  readonly allowedBranches?: readonly string[];
}

const spellings = "Write file:///absolute/path, s3://bucket/prefix, artifacts: or artifacts:owner/repo.";

export function parseStoreAddress(text: string): StoreAddress {
  const wanted = text.trim();
  if (wanted.startsWith("artifacts:")) return parseArtifacts(wanted.slice("artifacts:".length));
  if (wanted.startsWith("file:")) return { kind: "directory", path: parsePath(wanted) };
  if (wanted.startsWith("s3:")) return parseS3(wanted);
  if (isAbsolute(wanted)) throw invalid(`A store is not a bare path. Write file://${encodeURI(wanted)}`);
  if (wanted === "artifacts") throw invalid('The colon is missing. Write "artifacts:"');
  throw invalid(`${JSON.stringify(text)} is not the address of a store. ${spellings}`);
}

/** The store, with temporary failures tried again. */
export function openStore(address: string | StoreAddress, surroundings: StoreSurroundings): Store {
  const parsed = typeof address === "string" ? parseStoreAddress(address) : address;
  const { signal, sleep = realSleep } = surroundings;
  if (signal === undefined) return withRetries(openParsed(parsed, surroundings), { sleep });
  const stoppable = { ...surroundings, sleep: sleepUntilStopped(sleep, signal) };
  return untilStopped(withRetries(openParsed(parsed, stoppable), stoppable), signal);
}

function openParsed(parsed: StoreAddress, surroundings: StoreSurroundings): Store {
  switch (parsed.kind) {
    case "directory":
      return directoryStore({ path: parsed.path, ...surroundings });
    case "artifacts":
      return openArtifacts(parsed.repository, surroundings);
    case "s3":
      return s3Store({ address: parsed, ...surroundings });
  }
}

function openArtifacts(asked: Repository | undefined, surroundings: StoreSurroundings): Store {
  const { token, apiUrl = "https://api.github.com", run, ...branches } = surroundings.github ?? {};
  const repository = asked ?? run?.repository;
  if (repository === undefined) {
    throw invalid(
      '"artifacts:" means the repository of a workflow run. On a terminal write artifacts:owner/repo',
    );
  }
  if (token === undefined || token === "") {
    throw new LifeboatError("input-invalid", "GitHub artifacts need a token.", {
      hint: "Pass `${{ github.token }}` in a workflow; on a terminal a token with `actions: read`.",
    });
  }
  return artifactStore({
    ...surroundings,
    ...branches,
    repository,
    token,
    apiUrl,
    ...(asked === undefined && run !== undefined ? { run } : {}),
  });
}

function parseArtifacts(rest: string): StoreAddress {
  if (rest === "") return { kind: "artifacts" };
  const match = /^([A-Za-z0-9](?:[A-Za-z0-9_-]{0,38}))\/([A-Za-z0-9._-]{1,100})$/.exec(rest);
  const [, owner, name] = match ?? [];
  if (owner !== undefined && name !== undefined && !/^\.{1,2}$/.test(name)) {
    return { kind: "artifacts", repository: { owner, name } };
  }
  throw invalid(
    `${JSON.stringify(rest)} is not a repository. Write artifacts:owner/repo, or artifacts: alone`,
  );
}

function parseS3(text: string): StoreAddress {
  const right = `s3://${/^s3:\/*(.*)$/s.exec(text)?.[1] ?? ""}`;
  if (!text.startsWith("s3://") || text.startsWith("s3:///")) {
    throw invalid(`The bucket's name follows two slashes. Write ${right}`);
  }
  return { kind: "s3", ...parseS3Address(text) };
}

function parsePath(text: string): string {
  const right = `file:///${/^file:\/*(.*)$/s.exec(text)?.[1] ?? ""}`;
  if (!text.startsWith("file:///") || text.startsWith("file:////")) {
    throw invalid(`A path on this machine takes three slashes and is absolute. Write ${right}`);
  }
  try {
    const url = new URL(text);
    const path = fileURLToPath(url).replace(/(?<=.)\/+$/, "");
    if (path.includes("\0")) throw new Error("a path holds no NUL");
    if (url.search === "" && url.hash === "") return path;
  } catch (cause) {
    throw invalid(`${JSON.stringify(text)} cannot be read as a path.`, cause);
  }
  throw invalid(`"?" and "#" end a path in an address. Write them as %3F and %23`);
}

function invalid(sentence: string, cause?: unknown): LifeboatError {
  const whole = /[.:]$/.test(sentence) ? sentence : `${sentence}.`;
  return new LifeboatError("input-invalid", whole, { hint: spellings, cause });
}
