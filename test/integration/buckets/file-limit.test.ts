/** A store that takes only so many files of one job: packs grow, and what cannot fit is refused before it is tried. */
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Store } from "../../../src/store/store.ts";
import { withRetries } from "../../../src/store/with-retries.ts";
import { artifactsIn } from "../../fakes/github/artifact-store.ts";
import { packKey, packPrefix } from "../../../src/snapshot/keys.ts";
import { nextId, streamOf } from "../../contract/store.ts";
import { type BucketSafe, newBucketSafe } from "./safe.ts";

let safe: BucketSafe;
beforeEach(async () => {
  safe = await newBucketSafe();
  await safe.server.addBucket("files");
  for (let at = 0; at < 60; at += 1) {
    await safe.server.addObject("files", { name: `photo/${at}`, size: 50_000, contentType: "image/jpeg" });
  }
});
afterEach(() => safe[Symbol.asyncDispose]());

/** The safe's store, which takes so many more files. */
function limited(files: number): Store {
  let left = files;
  return {
    ...safe.store,
    putStream: async (key, bytes, lifetime) => {
      left -= 1;
      return await safe.store.putStream(key, bytes, lifetime);
    },
    filesLeft: () => left,
  };
}

/** Without an index identity every object is fetched each time. */
const packsWith = async (store: Store): Promise<number> => {
  const request = { packBytes: 200_000, indexIdentities: undefined };
  return (await safe.backUp(request, { store: withRetries(store) })).snapshot.packs.length;
};

it("gets larger packs the fewer files it takes, and everything is in them", async () => {
  expect(await packsWith(safe.store)).toBe(15);
  expect(await packsWith(limited(500))).toBe(15);
  expect(await packsWith(limited(300))).toBe(8);
  expect(await packsWith(limited(100))).toBe(2);
});

it("refuses in words what does not fit, and leaves nothing behind", async () => {
  const work = safe.backUp({ packBytes: 200_000 }, { store: limited(41) });
  await expect(work).rejects.toMatchObject({ code: "artifact-limit", exitCode: 2 });
  expect((await safe.store.snapshots("storage")).snapshots).toEqual([]);
  expect(await safe.store.files(packPrefix("storage"))).toEqual([]);
});

it("is what GitHub's artifacts of one job are, and no request is made for one too many", async () => {
  const place = await artifactsIn();
  try {
    const store = place.open(undefined, { mostArtifacts: 3 });
    expect(store.filesLeft?.()).toBe(3);
    // The first pack is announced by a file of its own.
    await store.putStream(packKey("storage", nextId()), streamOf("one"));
    await store.putStream(packKey("storage", nextId()), streamOf("two"));
    expect(store.filesLeft?.()).toBe(0);
    place.github.requests.length = 0;
    const third = store.putStream(packKey("storage", nextId()), streamOf("three"));
    await expect(third).rejects.toMatchObject({ code: "artifact-limit" });
    expect(place.github.requests.filter(({ kind }) => kind === "twirp")).toEqual([]);
    expect(place.open().filesLeft?.()).toBe(500);
  } finally {
    await place.close();
  }
});
