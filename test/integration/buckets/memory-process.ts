/** A backup, or a restore, in a process of its own, which tells its peak memory: `node memory-process.ts JSON`. */
import { storageApi, parseStorageConnection } from "../../../src/supabase/storage-api.ts";
import { backUpStorage } from "../../../src/operations/back-up-storage.ts";
import { restoreBuckets } from "../../../src/operations/restore-buckets.ts";
import { parseIdentities } from "../../../src/seal/identities.ts";
import { parseRecipients } from "../../../src/seal/recipients.ts";
import { objectFilter } from "../../../src/storage/object-filter.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";

interface Asked {
  readonly url: string;
  readonly secretKey: string;
  readonly store: string;
  readonly recipient: string;
  readonly identity: string;
  /** Restore into this folder instead of backing up. */
  readonly into?: string;
}

const asked = JSON.parse(process.argv[2] ?? "{}") as Asked;
const identities = parseIdentities(asked.identity);
const common = {
  store: directoryStore({ path: asked.store, clock: systemClock, logger: silentLogger }),
  clock: systemClock,
  logger: silentLogger,
  lifeboatVersion: "0.0.0-test",
  zstd: "zstd",
  signal: new AbortController().signal,
};
const shared = { source: "storage", filter: objectFilter({}), jobs: 8 };
let account: unknown;
if (asked.into === undefined) {
  const report = await backUpStorage(
    {
      ...{
        ...shared,
        tiers: ["daily"],
        recipients: parseRecipients([asked.recipient]),
        signingKey: undefined,
      },
      ...{ indexIdentities: identities, database: undefined, packBytes: 1024 ** 3, rowsWithoutBytes: "fail" },
    },
    {
      ...common,
      api: storageApi(parseStorageConnection(asked.url, asked.secretKey), { logger: silentLogger }),
    },
  );
  account = report.account;
} else {
  const target = { kind: "directory", path: asked.into, replace: false } as const;
  const { restored } = await restoreBuckets(
    {
      ...{ ...shared, choice: { kind: "latest" }, identities, target },
      ...{ dryRun: false, planHash: undefined, confirm: undefined },
    },
    common,
  );
  account = restored;
}
// In KiB, on every platform that Node has.
console.log(JSON.stringify({ account, mebibytes: Math.round(process.resourceUsage().maxRSS / 1024) }));
