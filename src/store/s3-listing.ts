/** What a bucket holds below a prefix: complete, or an error. */
import { LifeboatError } from "../errors.ts";
import { explained, type S3Requests } from "./s3-requests.ts";
import type { ListedFile } from "./store.ts";

export interface S3Listing {
  /** Every object below the prefix, sorted by key. */
  files(prefix: string): Promise<readonly ListedFile[]>;
  /** The names directly below the prefix that have something below them: `<name>/`, without the slash; sorted. */
  folders(prefix: string): Promise<readonly string[]>;
  /** Whether there is anything below the prefix. */
  isEmpty(prefix: string): Promise<boolean>;
}

interface Page {
  readonly files: readonly ListedFile[];
  readonly folders: readonly string[];
}

const act = { right: "s3:ListBucket", kind: "list" } as const;

export function s3Listing(requests: S3Requests): S3Listing {
  async function page(prefix: string, how: { delimiter?: string; token?: string; most?: number }) {
    const full = requests.full(prefix);
    const output = await explained(
      requests,
      act,
      requests.ask(act, ({ sdk, client, signal }) =>
        client.send(
          new sdk.ListObjectsV2Command({
            Bucket: requests.bucket,
            Prefix: full,
            ...(how.delimiter === undefined ? {} : { Delimiter: how.delimiter }),
            ...(how.token === undefined ? {} : { ContinuationToken: how.token }),
            ...(how.most === undefined ? {} : { MaxKeys: how.most }),
          }),
          { abortSignal: signal },
        ),
      ),
    );
    const { Contents = [], CommonPrefixes = [], KeyCount, IsTruncated, NextContinuationToken } = output;
    // An answer that was cut on its way may still be read as a short one.
    if (
      IsTruncated === undefined ||
      (KeyCount ?? Contents.length + CommonPrefixes.length) !== Contents.length + CommonPrefixes.length
    ) {
      throw incomplete("a page without an end");
    }
    const skipped = requests.full("").length;
    const files = Contents.map(({ Key, Size, LastModified }) => {
      if (Key?.startsWith(full) !== true || Size === undefined || LastModified === undefined) {
        throw incomplete("an entry without its name, size or date");
      }
      return { key: Key.slice(skipped), length: Size, storedAt: LastModified };
    });
    const folders = CommonPrefixes.map(({ Prefix }) => {
      if (Prefix?.startsWith(full) !== true) throw incomplete("an entry without its name");
      return Prefix.slice(full.length).replace(/\/$/, "");
    });
    return { files, folders, isTruncated: IsTruncated, next: NextContinuationToken };
  }

  async function all(prefix: string, delimiter?: string): Promise<Page> {
    const files: ListedFile[] = [];
    const folders: string[] = [];
    const tokens = new Set<string>();
    for (let token: string | undefined; ;) {
      const one = await page(prefix, {
        ...(delimiter === undefined ? {} : { delimiter }),
        ...(token === undefined ? {} : { token }),
      });
      files.push(...one.files);
      folders.push(...one.folders);
      if (!one.isTruncated) return { files, folders };
      if (one.next === undefined || tokens.has(one.next)) throw incomplete("a page that does not lead on");
      token = one.next;
      tokens.add(token);
    }
  }

  return {
    files: async (prefix) =>
      [...(await all(prefix)).files].sort((one, other) => (one.key < other.key ? -1 : 1)),
    folders: async (prefix) => [...new Set((await all(prefix, "/")).folders)].sort(),
    isEmpty: async (prefix) => (await page(prefix, { most: 1 })).files.length === 0,
  };
}

function incomplete(what: string): LifeboatError {
  return new LifeboatError("store-list-failed", `The store's listing is not complete: it sent ${what}.`);
}
