import { expect, it } from "vitest";
import { withBackedUpApi } from "../../../src/actions/project.ts";
import { parseStorageConnection } from "../../../src/supabase/storage-api.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { apiOf, newBucketSafe } from "./safe.ts";

const objects = 60;

it("small objects are backed up and restored as many at once as was asked for", async () => {
  await using safe = await newBucketSafe({ latencyMs: 20 });
  const { server } = safe;
  await server.addBucket("photos");
  for (let number = 0; number < objects; number += 1) {
    await server.addObject("photos", { name: `${number}.jpg`, size: 500 });
  }
  const surroundings = { logger: silentLogger, signal: new AbortController().signal };
  const connection = parseStorageConnection(server.url, server.secretKey);
  const asked = { jobs: 4, database: undefined };
  const { api } = withBackedUpApi(surroundings, connection, asked);
  server.resetCounters();
  await safe.backUp({ jobs: 4 }, { api });
  // Each object is two requests: for its row, which no listing tells whole, and then for its bytes.
  expect(server.counters.requests.download).toBe(objects);
  expect(server.counters.requests.info).toBe(objects);
  expect(server.mostAtOnce).toBe(8);

  await using empty = await newBucketSafe({ latencyMs: 20 });
  const target = apiOf(empty.server, 4);
  const uploads = { now: 0, most: 0 };
  await safe.restore({
    jobs: 4,
    target: {
      kind: "supabase",
      api: {
        ...target,
        upload: async (...object) => {
          uploads.most = Math.max(uploads.most, (uploads.now += 1));
          await target.upload(...object);
          uploads.now -= 1;
        },
      },
      name: "empty",
      database: undefined,
      deleteExtraneous: false,
    },
  });
  expect(empty.server.counters.requests.upload).toBe(objects);
  expect(uploads.most).toBe(4);
});

it("where a database tells the rows, requests are no more than objects", async () => {
  await using safe = await newBucketSafe({ latencyMs: 20 });
  const surroundings = { logger: silentLogger, signal: new AbortController().signal };
  const connection = parseStorageConnection(safe.server.url, safe.server.secretKey);
  const { api } = withBackedUpApi(surroundings, connection, { jobs: 4, database: "any" });
  await Promise.all(Array.from({ length: 20 }, () => api.buckets()));
  expect(safe.server.mostAtOnce).toBe(4);
});
