/** What is read whole has a largest size, which ends the reading: nothing is allocated for what somebody claims. */
import { LifeboatError } from "../errors.ts";

export interface SizeLimit {
  /** For people: what it is that is too large, without names from inside. */
  readonly document: string;
  readonly maxBytes: number;
}

/** The bytes of a stream; `document-too-large` as soon as there are more. */
export async function bytesWithin(stream: AsyncIterable<Uint8Array>, limit: SizeLimit): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > limit.maxBytes) throw tooLarge(limit, bytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function tooLarge({ document, maxBytes }: SizeLimit, bytes: number): LifeboatError {
  return new LifeboatError(
    "document-too-large",
    `The document ${document} has at least ${bytes} bytes; the largest that is read has ${maxBytes}.`,
  );
}

const [quote, backslash, comma, openBracket, openBrace] = [0x22, 0x5c, 0x2c, 0x5b, 0x7b];

/** JSON of at most so many values: each takes many times its byte in memory. Throws what `JSON.parse` throws, too. */
export function parseJsonWithin(bytes: Uint8Array, maxValues: number, document: string): unknown {
  let values = 1;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === quote) at = endOfString(bytes, at);
    else if (byte === comma || byte === openBracket || byte === openBrace) values += 1;
  }
  if (values > maxValues) {
    throw new LifeboatError(
      "document-too-large",
      `The document ${document} has ${values} values; the largest that is read has ${maxValues}.`,
    );
  }
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
}

function endOfString(bytes: Uint8Array, start: number): number {
  for (let end = bytes.indexOf(quote, start + 1); end >= 0; end = bytes.indexOf(quote, end + 1)) {
    let escapes = 0;
    while (bytes[end - 1 - escapes] === backslash) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return bytes.length;
}
