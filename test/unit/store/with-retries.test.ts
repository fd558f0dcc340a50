import { describe, expect, it } from "vitest";
import { LifeboatError } from "../../../src/errors.ts";
import type { Draft, Store } from "../../../src/store/store.ts";
import { withRetries } from "../../../src/store/with-retries.ts";
import { faultyStore, type StoreFault } from "../../fakes/faulty-store.ts";

/** A store that works, and counts the bytes that reach it. */
function emptyStore(): Store & { readonly received: string[] } {
  const received: string[] = [];
  const draft: Draft = {
    put: async (name, bytes) => {
      for await (const chunk of bytes) received.push(Buffer.from(chunk).toString());
      return { key: name, length: 0, sha256: "" };
    },
    commit: () => Promise.resolve({ key: "", length: 0, sha256: "" }),
    abandon: () => Promise.resolve(),
  };
  return {
    received,
    isReadOnly: false,
    address: "test:",
    sources: () => Promise.resolve([]),
    snapshots: () => Promise.resolve({ snapshots: [], findings: [] }),
    files: () => Promise.resolve([]),
    read: () => Promise.reject(new LifeboatError("store-object-missing", "nothing here")),
    begin: () => Promise.resolve(draft),
    put: (key) => Promise.resolve({ key, length: 0, sha256: "" }),
    putStream: (key, bytes) => draft.put(key, bytes),
    delete: () => Promise.resolve(),
  };
}

function retrying(...faults: StoreFault[]) {
  const waits: number[] = [];
  const inner = emptyStore();
  const faulty = faultyStore(inner, faults);
  const sleep = (milliseconds: number): Promise<void> => {
    waits.push(milliseconds);
    return Promise.resolve();
  };
  return { store: withRetries(faulty, { sleep, random: () => 0.5 }), faulty, inner, waits };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

const source = "database";
const id = "20261123T031207Z-9f2c51e0a7b4";

describe("withRetries", () => {
  it("tries temporary failures again, waiting longer each time", async () => {
    const { store, waits } = retrying({ method: "snapshots", when: "before", error: "temporary", times: 4 });
    expect(await store.snapshots(source)).toEqual({ snapshots: [], findings: [] });
    expect(waits).toEqual([750, 1500, 3000, 6000]);
  });

  it("gives up after five tries with the store's own error", async () => {
    const { store, faulty } = retrying({ method: "files", when: "before", error: "temporary", times: 9 });
    await expect(store.files("x/y")).rejects.toMatchObject({ code: "store-temporary" });
    expect(faulty.calls("files")).toBe(5);
  });

  it("lets every other error through at once", async () => {
    const { store, faulty, waits } = retrying({ method: "put", when: "before", error: "permanent" });
    await expect(store.put("x/y", Buffer.alloc(0))).rejects.toMatchObject({ code: "store-write-failed" });
    await expect(store.read("x/y")).rejects.toMatchObject({ code: "store-object-missing" });
    expect([faulty.calls("put"), faulty.calls("read"), waits]).toEqual([1, 1, []]);
  });

  it("puts a part again only while its source is untouched", async () => {
    const untouched = retrying({ method: "draft.put", when: "before", error: "temporary" });
    await (await untouched.store.begin({ source, id })).put("a.zst.age", once("bytes"));
    expect(untouched.inner.received).toEqual(["bytes"]);
    for (const when of ["midway", "after"] as const) {
      const begun = retrying({ method: "draft.put", when, error: "temporary" });
      const draft = await begun.store.begin({ source, id });
      await expect(draft.put("a.zst.age", once("bytes"))).rejects.toMatchObject({ code: "store-temporary" });
      expect(begun.faulty.calls("draft.put")).toBe(1);
    }
  });

  it("puts a pack again only while its source is untouched", async () => {
    const untouched = retrying({ method: "putStream", when: "before", error: "temporary", times: 2 });
    await untouched.store.putStream("a", once("bytes"));
    expect([untouched.inner.received, untouched.waits.length]).toEqual([["bytes"], 2]);
    for (const when of ["midway", "after"] as const) {
      const begun = retrying({ method: "putStream", when, error: "temporary" });
      await expect(begun.store.putStream("a", once("bytes"))).rejects.toMatchObject({
        code: "store-temporary",
      });
      expect(begun.faulty.calls("putStream")).toBe(1);
    }
  });

  it("never hides an error by abandoning again and again", async () => {
    const { store, faulty } = retrying({ method: "draft.abandon", when: "before", error: "temporary" });
    await expect((await store.begin({ source, id })).abandon()).rejects.toThrow();
    expect(faulty.calls("draft.abandon")).toBe(1);
  });
});
