/** A child process that backs up into a directory store until somebody kills it: `node directory-writer.ts PATH`. */
import { createHash } from "node:crypto";
import { newSnapshotId } from "../../../src/snapshot/ids.ts";
import { directoryStore } from "../../../src/store/directory.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { silentLogger } from "../../../src/system/logger.ts";

const path = process.argv[2] ?? "";
const store = directoryStore({ path, clock: systemClock, logger: silentLogger });

async function* chunks(seed: string): AsyncGenerator<Uint8Array> {
  for (let number = 0; number < 8; number += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    yield Buffer.alloc(4096, `${seed}${number}`);
  }
}

process.stdout.write("writing\n");
for (;;) {
  const id = newSnapshotId(systemClock.now());
  const draft = await store.begin({ source: "database", id });
  const parts = [];
  for (const name of ["globals.sql.zst.age", "data.zst.age"])
    parts.push(await draft.put(name, chunks(id + name)));
  const snapshotJson = JSON.stringify(parts);
  await draft.commit(Buffer.from(snapshotJson));
  const key = `evidence/database/${id}/${createHash("sha256").update(id).digest("hex").slice(0, 8)}.json`;
  await store.put(key, Buffer.from(snapshotJson));
}
