/** A real S3 server for tests: versitygw, built once from its Go module, on folders of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateBucketCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { runTool } from "../../src/system/process.ts";
import { installOnce } from "./install-once.ts";

const version = "v1.8.0";
const module = "github.com/versity/versitygw/cmd/versitygw";

export const credentials = { accessKeyId: "lifeboat-tests", secretAccessKey: "only-for-tests-0123456789" };

export interface S3Server {
  readonly endpoint: string;
  /** As the owner of the server. */
  readonly client: S3Client;
  /** A new bucket; `lock` ones are versioned too. */
  bucket(kind?: "plain" | "versioned" | "lock"): Promise<string>;
  readonly close: () => Promise<void>;
}

/** The program; undefined (and a warning) where there is no Go, or no way to its module. */
export async function s3ServerProgram(): Promise<string | undefined> {
  const folder = await installOnce(`s3-server/${version}`, build);
  return folder === undefined ? undefined : join(folder, "versitygw");
}

/** With a module cache of its own, which nobody needs afterwards: half a gigabyte. */
async function build(target: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "lifeboat-go-"));
  try {
    await runTool({
      program: "go",
      args: ["install", "-ldflags=-s -w", "-trimpath", `${module}@${version}`],
      cwd: work,
      env: {
        ...(process.env as Record<string, string>),
        GOBIN: join(work, "bin"),
        GOMODCACHE: join(work, "modules"),
        GOCACHE: join(work, "objects"),
        GOFLAGS: "-modcacherw",
        CGO_ENABLED: "0",
      },
    });
    await copyFile(join(work, "bin/versitygw"), join(target, "versitygw"));
    await chmod(join(target, "versitygw"), 0o755);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

export async function startS3Server(program: string): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-s3-"));
  for (const name of ["objects", "versions", "metadata"]) await mkdir(join(folder, name));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const args = [
    "--port",
    `127.0.0.1:${port}`,
    "--region",
    "us-east-1",
    "--quiet",
    "--health",
    "/health",
    "posix",
  ];
  // Not every file system of a test machine has extended attributes: a sidecar folder holds them.
  const places = ["--sidecar", join(folder, "metadata"), "--versioning-dir", join(folder, "versions")];
  const server = spawn(program, [...args, ...places, join(folder, "objects")], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
  });
  let words = "";
  server.stderr.on("data", (chunk: Buffer) => (words = (words + chunk.toString()).slice(-4000)));
  const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials });
  let buckets = 0;
  await untilItAnswers(endpoint, server, () => words);
  return {
    endpoint,
    client,
    bucket: async (kind = "plain") => {
      const Bucket = `${kind}-${(buckets += 1)}`;
      await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: kind === "lock" }));
      if (kind === "versioned") {
        await client.send(
          new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
        );
      }
      if (kind === "lock") {
        await client.send(
          new PutObjectLockConfigurationCommand({
            Bucket,
            ObjectLockConfiguration: { ObjectLockEnabled: "Enabled" },
          }),
        );
      }
      return Bucket;
    },
    close: async () => {
      client.destroy();
      if (server.exitCode === null) {
        server.kill("SIGKILL");
        await once(server, "exit");
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function untilItAnswers(endpoint: string, server: ChildProcess, words: () => string): Promise<void> {
  for (let attempt = 1; attempt <= 300; attempt += 1) {
    if (server.exitCode !== null) throw new Error(`The S3 server ended: ${words()}`);
    const answer = await fetch(`${endpoint}/health`).catch(() => undefined);
    if (answer?.ok === true) return;
    await sleep(100);
  }
  throw new Error(`The S3 server does not answer: ${words()}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
