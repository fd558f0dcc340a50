/** One file into a bucket: the S3 store (which reads it back and compares) against `aws s3 cp` and `rclone`. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newSnapshotId } from "../src/snapshot/ids.ts";
import { packKey } from "../src/snapshot/keys.ts";
import { s3Store } from "../src/store/s3.ts";
import { parseS3Address } from "../src/store/s3-address.ts";
import { systemClock } from "../src/system/clock.ts";
import { silentLogger } from "../src/system/logger.ts";
import { credentials, s3ServerProgram, startS3Server } from "../test/support/s3-server.ts";

export interface Throughput {
  readonly contender: string;
  /** One for each round, in megabytes a second; undefined where it is not installed. */
  readonly rates: readonly number[] | undefined;
}

export async function measureThroughput(megabytes: number, rounds: number): Promise<readonly Throughput[]> {
  const program = await s3ServerProgram();
  if (program === undefined) return [{ contender: "S3 server for tests", rates: undefined }];
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-bench-s3-"));
  const server = await startS3Server(program);
  try {
    const file = join(folder, "file");
    await fill(file, megabytes);
    const bucket = await server.bucket();
    const address = parseS3Address(`s3://${bucket}/b?endpoint=${server.endpoint}`);
    const store = s3Store({ address, clock: systemClock, logger: silentLogger, credentials });
    const env = {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_REGION: "us-east-1",
      RCLONE_CONFIG_S3_TYPE: "s3",
      RCLONE_CONFIG_S3_PROVIDER: "Other",
      RCLONE_CONFIG_S3_ENV_AUTH: "true",
      RCLONE_CONFIG_S3_ENDPOINT: server.endpoint,
    };
    const run = (words: readonly string[]): void => {
      const [name = "", ...args] = words;
      const { status, stderr } = spawnSync(name, args, { env, encoding: "utf8" });
      if (status !== 0) throw new Error(`${name} ended with ${String(status)}: ${stderr}`);
    };
    let number = 0;
    const contenders: readonly { readonly name: string; readonly put: () => Promise<void> | void }[] = [
      {
        name: "Lifeboat's S3 store, read back",
        put: async () => {
          await store.putStream(packKey("bench", newSnapshotId(new Date())), createReadStream(file));
        },
      },
      ...["aws", "rclone"].filter(isInstalled).map((name) => ({
        name: name === "aws" ? "aws s3 cp" : "rclone copyto",
        put: () => {
          number += 1;
          run(
            name === "aws"
              ? [
                  "aws",
                  "s3",
                  "cp",
                  "--no-progress",
                  "--endpoint-url",
                  server.endpoint,
                  file,
                  `s3://${bucket}/aws-${number}`,
                ]
              : ["rclone", "copyto", file, `s3:${bucket}/rclone-${number}`],
          );
        },
      })),
    ];
    const rates = new Map<string, number[]>();
    for (let round = 0; round < rounds; round += 1) {
      for (const { name, put } of contenders) {
        const startedMs = systemClock.elapsedMs();
        await put();
        const seconds = (systemClock.elapsedMs() - startedMs) / 1000;
        rates.set(name, [...(rates.get(name) ?? []), (megabytes * 1.048576) / seconds]);
      }
    }
    const missing = ["aws", "rclone"].filter((name) => !isInstalled(name));
    return [
      ...contenders.map(({ name }) => ({ contender: name, rates: rates.get(name) })),
      ...missing.map((name) => ({ contender: name, rates: undefined })),
    ];
  } finally {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function isInstalled(name: string): boolean {
  return spawnSync(name, [name === "aws" ? "--version" : "version"]).status === 0;
}

async function fill(path: string, megabytes: number): Promise<void> {
  const file = await open(path, "wx");
  for (let written = 0; written < megabytes; written += 1) await file.write(randomBytes(1024 * 1024));
  await file.close();
}
