/** multipart/form-data, read in memory: fields and one file, as the Storage API takes it. */
import { errors } from "./answers.ts";

export interface Form {
  readonly file: AsyncIterable<Uint8Array>;
  readonly contentType: string;
  readonly cacheControl: string;
  readonly metadata: Record<string, unknown> | undefined;
}

interface Part {
  readonly name: string;
  readonly isFile: boolean;
  readonly contentType: string | undefined;
  readonly bytes: Buffer;
}

export async function readForm(
  contentType: string,
  bytes: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<Form> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    size += chunk.length;
    // Fields and borders on top of the file.
    if (size > limit + 3 * 1024 * 1024) throw errors.tooLarge();
  }
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1];
  const parts = boundary === undefined ? [] : partsOf(Buffer.concat(chunks), boundary);
  const file = parts.find((part) => part.isFile);
  if (file === undefined) throw errors.invalidRequest("No content provided");
  const text = (name: string): string | undefined =>
    parts.find((part) => !part.isFile && part.name === name)?.bytes.toString("utf8");
  const custom = text("metadata") ?? text("userMetadata");
  if (custom !== undefined && Buffer.byteLength(custom) > 1024 * 1024) throw errors.tooLarge();
  const cacheControl = text("cacheControl") ?? "";
  return {
    file: oneChunk(file.bytes),
    contentType: text("contentType") ?? file.contentType ?? "application/octet-stream",
    cacheControl: cacheControl === "" ? "no-cache" : `max-age=${cacheControl}`,
    metadata: custom === undefined ? undefined : (JSON.parse(custom) as Record<string, unknown>),
  };
}

function partsOf(body: Buffer, boundary: string): Part[] {
  const border = Buffer.from(`--${boundary}`);
  const parts: Part[] = [];
  for (let at = body.indexOf(border); at >= 0;) {
    const next = body.indexOf(Buffer.from(`\r\n--${boundary}`), at);
    if (next < 0) break;
    const head = body.indexOf("\r\n\r\n", at);
    const headers = body.subarray(at + border.length, head).toString("utf8");
    parts.push({
      name: /name="([^"]*)"/.exec(headers)?.[1] ?? "",
      isFile: /filename="/.test(headers),
      contentType: /content-type: *([^\r\n]+)/i.exec(headers)?.[1],
      bytes: body.subarray(head + 4, next),
    });
    at = next + 2;
  }
  return parts;
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(bytes);
}
