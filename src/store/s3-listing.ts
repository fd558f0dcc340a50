/** What a bucket holds below a prefix: complete, or an error. */
import type { ListObjectsV2CommandOutput } from "@aws-sdk/client-s3";
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
    let incomplete: LifeboatError | undefined;
    const asked = requests.ask(act, async ({ sdk, client, signal }) => {
      incomplete = undefined;
      const output = await client.send(
        new sdk.ListObjectsV2Command({
          Bucket: requests.bucket,
          Prefix: full,
          ...(how.delimiter === undefined ? {} : { Delimiter: how.delimiter }),
          ...(how.token === undefined ? {} : { ContinuationToken: how.token }),
          ...(how.most === undefined ? {} : { MaxKeys: how.most }),
        }),
        { abortSignal: signal },
      );
      const what = whatIsMissing(output, full);
      if (what === undefined) return output;
      incomplete = notWhole(what);
      // Asked again first: an answer that was cut on its way may still be read as a short one.
      throw new LifeboatError("store-temporary", incomplete.message);
    });
    const {
      Contents = [],
      CommonPrefixes = [],
      ...output
    } = await explained(requests, act, asked).catch((thrown: unknown) => {
      throw incomplete ?? thrown;
    });
    const skipped = requests.full("").length;
    return {
      files: Contents.map(({ Key = "", Size = 0, LastModified = new Date(0) }) => {
        return { key: Key.slice(skipped), length: Size, storedAt: LastModified };
      }),
      folders: CommonPrefixes.map(({ Prefix = "" }) => Prefix.slice(full.length).replace(/\/$/, "")),
      isTruncated: output.IsTruncated === true,
      next: output.NextContinuationToken,
    };
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
      if (one.next === undefined || tokens.has(one.next)) throw notWhole("a page that does not lead on");
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

/** What a page lacks of a page. */
function whatIsMissing(
  {
    Contents = [],
    CommonPrefixes = [],
    KeyCount,
    IsTruncated,
    NextContinuationToken,
  }: ListObjectsV2CommandOutput,
  prefix: string,
): string | undefined {
  const count = Contents.length + CommonPrefixes.length;
  if (IsTruncated === undefined || (KeyCount ?? count) !== count) return "a page without its end";
  if (IsTruncated && !NextContinuationToken) return "a page that does not lead on";
  const whole =
    Contents.every(
      ({ Key, Size, LastModified }) => Key?.startsWith(prefix) === true && Size !== undefined && LastModified,
    ) && CommonPrefixes.every(({ Prefix }) => Prefix?.startsWith(prefix) === true);
  return whole ? undefined : "an entry without its name, size or date";
}

function notWhole(what: string): LifeboatError {
  return new LifeboatError("store-list-failed", `The store's listing is not complete: it sent ${what}.`);
}
