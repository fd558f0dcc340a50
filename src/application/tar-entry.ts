/** What of a file's own facts a tar carries: as ustar where that can write it, as PAX records where it cannot. */
import type { Stats } from "node:fs";
import type { Header as Headers } from "tar-stream";
import { rawOfTar, rawRecord, tarTextOf } from "./raw-names.ts";

/** Of a ustar field as tar-stream writes it. */
const maxId = 0o777777;
const maxSeconds = 0x7fff_ffff;

/** `name` and `link` as raw names. */
export function headerOf(name: string, { mode, uid, gid, mtimeMs }: Stats, link?: string) {
  const text = tarTextOf(name);
  const target = link === undefined ? undefined : tarTextOf(link);
  const seconds = Math.floor(mtimeMs / 1000);
  const pax: Record<string, string> = {
    ...(text.hex === undefined ? {} : { [rawRecord.path]: text.hex }),
    ...(target?.hex === undefined ? {} : { [rawRecord.linkpath]: target.hex }),
    ...(uid > maxId ? { uid: String(uid) } : {}),
    ...(gid > maxId ? { gid: String(gid) } : {}),
    ...(seconds < 0 || seconds > maxSeconds ? { mtime: String(seconds) } : {}),
  };
  return {
    name: text.text,
    mode: mode & 0o7777,
    uid,
    gid,
    mtime: new Date(Math.min(Math.max(seconds, 0), maxSeconds) * 1000),
    size: 0,
    ...(target === undefined ? {} : { linkname: target.text }),
    ...(Object.keys(pax).length === 0 ? {} : { pax }),
  };
}

export interface EntryFacts {
  /** Raw; undefined where the entry's records contradict each other. */
  readonly name: string | undefined;
  readonly link: string | undefined;
  /** Without setuid, setgid and sticky, as tar gives them to nobody who does not ask. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Date;
}

export function factsOf(header: Headers): EntryFacts {
  // tar-stream gives null for what an entry does not have.
  const { pax, linkname } = header as unknown as Readonly<{
    pax: Readonly<Record<string, string>> | null;
    linkname: string | null;
  }>;
  const number = (key: string, usual: number): number =>
    /^-?\d{1,12}$/.test(pax?.[key] ?? "") ? Number(pax?.[key]) : usual;
  return {
    name: rawOfTar(header.name, pax?.[rawRecord.path]),
    link: rawOfTar(linkname ?? "", pax?.[rawRecord.linkpath]),
    mode: header.mode & 0o777,
    uid: number("uid", header.uid),
    gid: number("gid", header.gid),
    mtime: new Date(number("mtime", Number(header.mtime) / 1000) * 1000),
  };
}
