/** A child process that writes packs and shards into a directory store until it is killed: `node pack-writer.ts PATH`. */
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { packKey, shardKey } from "../../../src/snapshot/keys.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";
import { packBytes } from "./pack-bytes.ts";

const store = directoryStore({ path: process.argv[2] ?? "", clock: systemClock, logger: silentLogger });

async function* chunks(): AsyncGenerator<Uint8Array> {
  const bytes = packBytes();
  for (let at = 0; at < bytes.length; at += 512 * 1024) {
    await new Promise((resolve) => setImmediate(resolve));
    yield bytes.subarray(at, at + 512 * 1024);
  }
}

process.stdout.write("writing\n");
for (;;) {
  const shard = newSnapshotId(systemClock.now());
  await Promise.all([
    store.putStream(packKey("database", newSnapshotId(systemClock.now())), chunks()),
    store.putStream(shardKey("database", "a", { number: 1, count: 1, id: shard }, "index"), chunks()),
  ]);
}
