import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compareObjects, type StoredObject } from "../../../src/storage/objects.ts";
import { type Fold, foldAll, takenPaths } from "../../../src/storage/tree-path.ts";
import { openTree, type Tree, type WrittenFile } from "../../../src/storage/write-tree.ts";
import { failure, inPieces, noise, sha256 } from "../seal/streams.ts";
import { anyObject } from "./names.ts";
import { packId } from "./packs.ts";

let folder: string;
let target: string;
let outside: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lifeboat-tree-"));
  target = join(folder, "target");
  outside = join(folder, "outside");
  await mkdir(outside);
});
afterEach(() => rm(folder, { recursive: true }));

async function* none(): AsyncGenerator<Given, void, undefined> {
  // There are no objects.
}

interface Given {
  readonly bucket: string;
  readonly name: string;
}

function bytesOf({ bucket, name }: Given): Buffer {
  return Buffer.from(`the bytes of ${bucket}/${name}`);
}

function stored(given: Given, bytes = bytesOf(given)): StoredObject {
  const place = { pack: packId, offset: 7, length: 700, skip: 512 };
  return { ...given, contentType: "text/plain", size: bytes.length, sha256: sha256(bytes), ...place };
}

function photo(name: string): Given {
  return { bucket: "photos", name };
}

async function newTree(objects: readonly Given[] = [], replace = false, fold?: Fold): Promise<Tree> {
  // eslint-disable-next-line @typescript-eslint/require-await -- they are there already
  async function* sorted(): AsyncGenerator<Given, void, undefined> {
    yield* objects.toSorted(compareObjects);
  }
  return openTree(target, { replace, taken: await takenPaths(sorted(), fold) });
}

function write(tree: Tree, given: Given, bytes = bytesOf(given)): Promise<WrittenFile> {
  return tree.write(stored(given, bytes), () => inPieces(bytes, 5));
}

async function restore(objects: readonly Given[]): Promise<WrittenFile[]> {
  const tree = await newTree(objects);
  const files: WrittenFile[] = [];
  for (const object of objects) files.push(await write(tree, object));
  await tree.finish();
  return files;
}

async function manifest(): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(target, "manifest.jsonl"), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Everything below a folder that is no folder, links not followed. */
async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort();
}

describe("objects in a folder", () => {
  test("stand under their names, whole, private, and in the manifest", async () => {
    const names = ["a/b.txt", "/lead", "trail/", "x//y", "q?&+ ", "dir/.emptyFolderPlaceholder"];
    const files = await restore(names.map(photo));
    const encoded = ["a/b.txt", "%2Flead", "trail%2F", "x/%2Fy", "q?&+ ", "dir/.emptyFolderPlaceholder"];
    expect(files).toEqual(encoded.map((path) => ({ path: `photos/${path}`, outcome: "written" })));
    for (const [index, { path }] of files.entries()) {
      expect(await readFile(join(target, path))).toEqual(bytesOf(photo(names[index]!)));
      expect((await stat(join(target, path))).mode & 0o777).toBe(0o600);
    }
    const { size, sha256: hash } = stored(photo("/lead"));
    expect((await manifest())[1]).toEqual({
      path: "photos/%2Flead",
      ...photo("/lead"),
      contentType: "text/plain",
      size,
      sha256: hash,
    });
    expect(await filesIn(target)).toEqual([...files.map(({ path }) => path), "manifest.jsonl"].sort());
  });

  test("that are there already are left; others are refused, or replaced where that was asked for", async () => {
    await restore([photo("a"), photo("b")]);
    const again = await newTree();
    const unread = (): AsyncIterable<Uint8Array> => {
      throw new Error("It was read.");
    };
    expect(await again.write(stored(photo("a")), unread)).toEqual({ path: "photos/a", outcome: "identical" });
    const other = Buffer.from("other bytes");
    const refused = await failure(write(again, photo("b"), other));
    expect(refused.code).toBe("restore-file-exists");
    expect(refused.message).toContain("photos/b");
    expect(refused.publicly.sentence).not.toContain("photos");
    expect(await readFile(join(target, "photos/b"))).toEqual(bytesOf(photo("b")));
    await again.abandon();
    const replacing = await newTree([], true);
    expect(await write(replacing, photo("b"), other)).toEqual({ path: "photos/b", outcome: "replaced" });
    await replacing.finish();
    expect(await readFile(join(target, "photos/b"))).toEqual(other);
    expect((await manifest()).map(({ path, size }) => [path, size])).toEqual([
      ["photos/a", bytesOf(photo("a")).length],
      ["photos/b", bytesOf(photo("b")).length],
      ["photos/b", other.length],
    ]);
    expect(await filesIn(target)).toEqual(["manifest.jsonl", "photos/a", "photos/b"]);
  });

  test("are never there in part", async () => {
    const tree = await newTree();
    const object = stored(photo("a"), noise(100_000));
    async function* broken(): AsyncGenerator<Uint8Array, void, undefined> {
      yield* inPieces(noise(50_000));
      throw new Error("The store is gone.");
    }
    await expect(tree.write(object, broken)).rejects.toThrow("gone");
    for (const wrong of [noise(99_999), noise(100_001), noise(100_000, 2)]) {
      const error = await failure(tree.write(object, () => inPieces(wrong)));
      expect(error.code).toBe("snapshot-damaged");
      expect(error.publicly.sentence).not.toContain("photos");
    }
    await tree.abandon();
    expect(await filesIn(target)).toEqual([]);
  });

  test("are all kept where one's name is another's folder, in whatever order they come", async () => {
    const objects = ["a", "a/b", "a!", "a/b/c", "a//b", "a/", "manifest"].map(photo);
    const odd = { bucket: "manifest.jsonl", name: "x" };
    for (const order of [
      [...objects, odd],
      [odd, ...objects.toReversed()],
    ]) {
      const files = await restore(order);
      const paths = Object.fromEntries(files.map(({ path }, index) => [order[index]!.name, path]));
      expect(paths).toEqual({
        a: "photos/a%",
        "a!": "photos/a!",
        "a/": "photos/a%2F",
        "a/b": "photos/a/b%",
        "a/b/c": "photos/a/b/c",
        "a//b": "photos/a/%2Fb",
        manifest: "photos/manifest",
        x: "manifest.jsonl%/x",
      });
    }
    expect((await manifest()).every(({ path }) => typeof path === "string")).toBe(true);
  });

  test("of any names never meet, and none is lost", async () => {
    const usual = fc.uniqueArray(anyObject, { comparator: (one, other) => compareObjects(one, other) === 0 });
    const short = fc.uniqueArray(
      fc.record({
        bucket: fc.constantFrom("a", "manifest.jsonl"),
        name: fc.string({ unit: fc.constantFrom("/", "a", "b", "!", "%"), minLength: 1, maxLength: 5 }),
      }),
      { comparator: (one, other) => compareObjects(one, other) === 0 },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(usual, short), async (objects) => {
        await rm(target, { recursive: true, force: true });
        const files = await restore(objects);
        for (const [index, { path }] of files.entries()) {
          expect(await readFile(join(target, path))).toEqual(bytesOf(objects[index]!));
        }
        expect(new Set(files.map(({ path }) => path)).size).toBe(objects.length);
        expect(await filesIn(outside)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test("with names too long for a file system are kept under a shorter one", async () => {
    const long = photo(`${"é%".repeat(200)}/${"x".repeat(300)}`);
    const longer = photo(`${"é%".repeat(200)}/${"x".repeat(301)}`);
    const [one, other] = await restore([long, longer]);
    expect(one!.path).not.toBe(other!.path);
    expect(one!.path).toMatch(/%~[0-9a-f]{16}\/x{236}%~[0-9a-f]{16}$/);
    expect((await manifest()).map(({ name }) => name)).toEqual([long.name, longer.name]);
  });
});

describe("file systems that know fewer names", () => {
  test("have each object under a path of its own, whatever its case and accents", async () => {
    const names = ["A", "a", "a/b", "B/x", "b/y", "caf\u00e9", "cafe\u0301", "dot", "dot.", "\u00df", "ss"];
    const tree = await newTree(names.map(photo), false, foldAll);
    const paths: string[] = [];
    for (const name of names) paths.push((await write(tree, photo(name))).path);
    await tree.finish();
    expect(new Set(paths.map(foldAll)).size).toBe(names.length);
    // No file's path is a folder's.
    for (const path of paths)
      expect(paths.filter((other) => foldAll(other).startsWith(`${foldAll(path)}/`))).toEqual([]);
    for (const [index, path] of paths.entries()) {
      expect(await readFile(join(target, path))).toEqual(bytesOf(photo(names[index]!)));
    }
  });

  test("have paths that are too long under a short one in the bucket's folder", async () => {
    const deep = Array.from({ length: 3 }, (_, at) => photo(`${"x/".repeat(3000)}${at}`));
    const files = await restore(deep);
    for (const [index, { path }] of files.entries()) {
      expect(path).toMatch(/^photos\/%~long-[0-9a-f]{32}$/);
      expect(await readFile(join(target, path))).toEqual(bytesOf(deep[index]!));
    }
    expect(new Set(files.map(({ path }) => path)).size).toBe(3);
  });
});

describe("nothing is written outside", () => {
  test("whatever an object is called: it stands inside under an escaped name, and the others beside it", async () => {
    const odd = [
      photo("../../x"),
      photo("a/../../x"),
      photo("./x"),
      photo("x/.."),
      photo(".."),
      photo("."),
      photo("nul\0"),
      { bucket: "..", name: "outside/x" },
      { bucket: ".", name: "x" },
      { bucket: "../outside", name: "x" },
      { bucket: "a/b", name: "x" },
      { bucket: "nul\0", name: "x" },
      { bucket: "/etc", name: "passwd" },
    ];
    const all = [...odd, photo("plain")];
    const files = await restore(all);
    expect(new Set(files.map(({ path }) => path)).size).toBe(all.length);
    for (const [index, { path }] of files.entries()) {
      expect(path.split("/").some((segment) => segment === "." || segment === "..")).toBe(false);
      expect(await readFile(join(target, path))).toEqual(bytesOf(all[index]!));
    }
    expect(await filesIn(target)).toEqual([...files.map(({ path }) => path), "manifest.jsonl"].sort());
    expect(await filesIn(folder)).toEqual((await filesIn(target)).map((path) => `target/${path}`));
  });

  test("for absolute keys, which are legal: they are written inside", async () => {
    const [file] = await restore([photo("/etc/passwd")]);
    expect(file!.path).toBe("photos/%2Fetc/passwd");
  });

  test.each([
    ["a bucket's folder", "photos"],
    ["a folder", "photos/a"],
    ["a file", "photos/a/b"],
  ])("through a link planted as %s", async (_, link) => {
    await mkdir(join(target, link, ".."), { recursive: true });
    await writeFile(join(outside, "victim"), "precious");
    await symlink(link.endsWith("b") ? join(outside, "victim") : outside, join(target, link));
    for (const replace of [false, true]) {
      const tree = await newTree([], replace);
      const error = await failure(write(tree, photo("a/b")));
      expect(error.code).toBe("restore-name-refused");
      expect(error.message).toContain("photos/a/b");
      await tree.abandon();
    }
    expect(await filesIn(outside)).toEqual(["victim"]);
    expect(await readFile(join(outside, "victim"), "utf8")).toBe("precious");
  });

  test("through a link that takes a folder's place while its object is written", async () => {
    const tree = await newTree();
    const bytes = noise(1000);
    async function* planting(): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes.subarray(0, 500);
      await rename(join(target, "photos"), join(folder, "moved"));
      await symlink(outside, join(target, "photos"));
      yield bytes.subarray(500);
    }
    const error = await failure(tree.write(stored(photo("a"), bytes), planting));
    expect(error.code).toBe("restore-name-refused");
    expect(await filesIn(outside)).toEqual([]);
    await tree.abandon();
  });

  test("through a link planted as the manifest", async () => {
    await mkdir(target);
    await symlink(join(outside, "victim"), join(target, "manifest.jsonl"));
    expect((await failure(newTree())).code).toBe("restore-name-refused");
    expect(await filesIn(outside)).toEqual([]);
  });
});

describe("a target that does not fit", () => {
  test("is refused: a file, a missing parent, a file where a folder must be", async () => {
    await writeFile(join(folder, "file"), "x");
    const options = { replace: false, taken: await takenPaths(none()) };
    for (const path of ["file", "missing/target"]) {
      expect((await failure(openTree(join(folder, path), options))).code).toBe("input-invalid");
    }
    await restore([photo("a")]);
    const tree = await newTree();
    expect((await failure(write(tree, photo("a/b")))).code).toBe("restore-file-exists");
    await tree.abandon();
  });
});
