/** Tar headers: written by tar-stream, and read more strictly than tar does, because what is read may be hostile. */
import { pack as tarPack } from "tar-stream";
import { LifeboatError } from "../errors.ts";
import { maxTarHeaderBytes, paddingOf, tarBlockBytes } from "./pack-layout.ts";

export interface TarHeader {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

const maxUstarSize = 0o77777777777;
const maxUstarSeconds = 0o17777777777;

/** The header of a regular file; with PAX records where ustar cannot write its name or size. */
export async function makeTarHeader(file: TarHeader, modified: Date): Promise<Uint8Array> {
  const tar = tarPack();
  const seconds = Math.min(Math.max(0, Math.floor(modified.getTime() / 1000) || 0), maxUstarSeconds);
  const entry = tar.entry({
    ...file,
    type: "file",
    mode: 0o644,
    mtime: new Date(seconds * 1000),
    ...(file.size > maxUstarSize && { pax: { size: String(file.size) } }),
  });
  // The body never passes through here, which is an error to tar-stream.
  entry.on("error", () => {});
  tar.on("error", () => {});
  await new Promise<void>((resolve) => tar.once("readable", () => resolve()));
  const parts: Uint8Array[] = [];
  for (let part = read(tar); part !== null; part = read(tar)) parts.push(part);
  tar.destroy();
  const header = Buffer.concat(parts);
  // Whoever reads it takes no longer one.
  if (header.length > maxTarHeaderBytes) {
    throw new LifeboatError(
      "object-name-unusable",
      `A key has ${Buffer.byteLength(file.name)} bytes in a tar.`,
    );
  }
  return header;
}

function read(tar: { read(): unknown }): Uint8Array | null {
  return tar.read() as Uint8Array | null;
}

/** Exactly the next bytes of a tar, or an error if it ends before. */
export type TakeBytes = (length: number) => Promise<Uint8Array>;

/** What `readTarHeader` refuses; `name` is the entry's, as far as it could be read. */
export class TarRefused extends Error {
  readonly entry: string | undefined;

  constructor(what: string, entry?: string) {
    super(what);
    this.entry = entry;
  }
}

const octalField = /^ *([0-7]*)[ \0]*$/;
const entryTypes: Readonly<Record<string, string>> = {
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a device",
  "4": "a device",
  "5": "a folder",
  "6": "a pipe",
};

/**
 * The header of the next regular file, or undefined for the zero block with which a tar ends. Throws `TarRefused` for
 * everything that no pack has: links, devices, folders, GNU's own types, PAX records other than `path`, `size` and
 * `mtime`, a wrong checksum.
 */
export async function readTarHeader(take: TakeBytes): Promise<TarHeader | undefined> {
  const block = Buffer.from(await take(tarBlockBytes));
  if (block.every((byte) => byte === 0)) return undefined;
  const first = readBlock(block);
  if (first.type === "0") return { name: first.name, size: first.size };
  if (first.type !== "x") throw refusedType(first.type, first.name);
  if (first.size > maxTarHeaderBytes) throw new TarRefused("its PAX records are too long");
  const records = readPax(
    Buffer.from(await take(first.size + paddingOf(first.size))).subarray(0, first.size),
  );
  const second = readBlock(Buffer.from(await take(tarBlockBytes)));
  const name = records.get("path") ?? second.name;
  if (second.type !== "0") throw refusedType(second.type, name);
  const size = records.get("size");
  if (size !== undefined && !/^\d{1,16}$/.test(size)) throw new TarRefused("its PAX size is no number", name);
  return { name, size: size === undefined ? second.size : Number(size) };
}

function refusedType(type: string, name: string): TarRefused {
  return new TarRefused(`is ${entryTypes[type] ?? "of an unknown type"}, not a file`, name);
}

function readBlock(block: Buffer): TarHeader & { readonly type: string } {
  let sum = 8 * 32;
  for (const [at, byte] of block.entries()) if (at < 148 || at >= 156) sum += byte;
  if (block.toString("latin1", 257, 263) !== "ustar\0" || readNumber(block, 148, 8) !== sum) {
    throw new TarRefused("its header is malformed");
  }
  const prefix = readText(block, 345, 155);
  const name = readText(block, 0, 100);
  const type = String.fromCharCode(block[156] ?? 0);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    size: readNumber(block, 124, 12),
    type: type === "\0" ? "0" : type,
  };
}

function readText(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return utf8(block.subarray(at, end === -1 || end > at + length ? at + length : end));
}

/** Octal, or base 256 where the first bit is set; what is neither, or beyond 2^53, is refused. */
function readNumber(block: Buffer, at: number, length: number): number {
  const field = block.subarray(at, at + length);
  const digits = octalField.exec(field.toString("latin1"))?.[1];
  const number =
    digits !== undefined
      ? Number.parseInt(digits || "0", 8)
      : field[0] === 0x80
        ? field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0)
        : NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new TarRefused("a number in its header is malformed");
}

function readPax(bytes: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const length = /^([1-9]\d{0,5}) /.exec(bytes.toString("latin1", at, at + 7))?.[1];
    const end = at + Number(length);
    const record = length === undefined ? "" : utf8(bytes.subarray(at + length.length + 1, end));
    const [, key, value] = /^(path|size|mtime)=(.*)\n$/s.exec(record) ?? [];
    if (end > bytes.length || key === undefined || value === undefined || records.has(key)) {
      throw new TarRefused("its PAX records are malformed");
    }
    records.set(key, value);
    at = end;
  }
  return records;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new TarRefused("its name is not UTF-8");
  }
}
