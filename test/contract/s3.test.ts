import { randomBytes } from "node:crypto";
import { describe, it } from "vitest";
import { s3Store } from "../../src/store/s3.ts";
import { parseS3Address } from "../../src/store/s3-address.ts";
import { withRetries } from "../../src/store/with-retries.ts";
import { systemClock } from "../../src/system/clock.ts";
import { silentLogger } from "../../src/system/logger.ts";
import { faultyStore } from "../fakes/faulty-store.ts";
import { credentials, s3ServerProgram, startS3Server } from "../support/s3-server.ts";
import { storeContract, type StoreUnderTest } from "./store.ts";

const program = await s3ServerProgram();

async function bucketOf(kind: "plain" | "versioned" | "lock", options: string): Promise<StoreUnderTest> {
  const server = await startS3Server(program!);
  const bucket = await server.bucket(kind);
  const prefix = `backups/${randomBytes(3).toString("hex")}`;
  const address = parseS3Address(`s3://${bucket}/${prefix}?endpoint=${server.endpoint}${options}`);
  const another = () => s3Store({ address, clock: systemClock, logger: silentLogger, credentials });
  return { store: another(), another, close: server.close };
}

describe.skipIf(program === undefined)("against versitygw", () => {
  storeContract("an S3 bucket", () => bucketOf("plain", ""), { tellsSources: true, expires: false });
  storeContract("a versioned S3 bucket", () => bucketOf("versioned", ""), {
    tellsSources: true,
    expires: false,
  });
  storeContract("an S3 bucket with Object Lock", () => bucketOf("lock", ""), {
    tellsSources: true,
    expires: false,
  });
  for (const when of ["before", "after"] as const) {
    storeContract(
      `an S3 bucket that fails once ${when} each act, with retries`,
      async () => {
        const place = await bucketOf("plain", "");
        const retrying = () =>
          withRetries(
            faultyStore(
              place.another(),
              (["snapshots", "files", "begin", "put", "delete", "draft.commit"] as const).map((method) => ({
                method,
                when,
                error: "temporary" as const,
              })),
            ),
            { sleep: () => Promise.resolve() },
          );
        return { store: retrying(), another: retrying, close: place.close };
      },
      { tellsSources: true, expires: false },
    );
  }
});

if (program === undefined) it.skip("SKIPPED: no S3 server could be built here (is Go missing?)", () => {});
