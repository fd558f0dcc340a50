/** Rows of one bucket that are computed when they are asked for: a million of them take no memory. */
import { createHash } from "node:crypto";
import type { BucketRow, ObjectRow, Rows } from "./rows.ts";

const bucket = "generated";
const moment = "2026-01-02T03:04:05.678Z";
const nameShape = /^folder-\d{4}\/document-(\d{7})\.pdf$/;

/** The same rows in SQL are in `generatedRowsSql`. */
export function generatedRow(number: number): ObjectRow {
  const hash = createHash("md5").update(String(number)).digest("hex");
  const size = 1000 + (number % 5000);
  return {
    id: uuidOf(hash),
    name: generatedName(number),
    version: uuidOf(hash),
    metadata: {
      eTag: `"${hash}"`,
      size,
      mimetype: "application/pdf",
      cacheControl: "max-age=3600",
      lastModified: moment,
      contentLength: size,
      httpStatusCode: 200,
    },
    user_metadata: null,
    created_at: moment,
    updated_at: moment,
    last_accessed_at: moment,
  };
}

/** Fills storage.buckets and storage.objects of a database with the same. */
export function generatedRowsSql(count: number): string {
  return `insert into storage.buckets (id, name, public) values ('${bucket}', '${bucket}', false);
    insert into storage.objects (bucket_id, id, name, version, metadata, created_at, updated_at, last_accessed_at)
    select '${bucket}', hash::uuid, 'folder-' || lpad((number / 1000)::text, 4, '0') || '/document-' || lpad(number::text, 7, '0') || '.pdf',
      hash::uuid::text, jsonb_build_object('eTag', '"' || hash || '"', 'size', size, 'mimetype', 'application/pdf',
        'cacheControl', 'max-age=3600', 'lastModified', '${moment}', 'contentLength', size, 'httpStatusCode', 200),
      '${moment}', '${moment}', '${moment}'
    from (select number, md5(number::text) as hash, 1000 + number % 5000 as size from generate_series(0, ${count - 1}) number) drawn`;
}

function generatedName(number: number): string {
  const folder = String(Math.floor(number / 1000)).padStart(4, "0");
  return `folder-${folder}/document-${String(number).padStart(7, "0")}.pdf`;
}

export function generatedRows(count: number): Rows {
  const row: BucketRow = {
    id: bucket,
    name: bucket,
    owner: "",
    public: false,
    created_at: moment,
    updated_at: moment,
    file_size_limit: null,
    allowed_mime_types: null,
    type: "STANDARD",
  };
  const readOnly = (): never => {
    throw new Error("Generated rows cannot be changed.");
  };
  return {
    buckets: () => [row],
    bucket: (id) => (id === bucket ? row : undefined),
    object: (_, name) => {
      const number = Number(nameShape.exec(name)?.[1] ?? Number.NaN);
      return number < count && generatedName(number) === name ? generatedRow(number) : undefined;
    },
    page: (_, prefix, after, limit) => {
      if (prefix !== "") throw new Error("Generated rows are listed without a prefix.");
      const from = after === undefined ? 0 : Number(nameShape.exec(after)?.[1] ?? Number.NaN) + 1;
      const length = Math.max(0, Math.min(limit, count - from));
      return Array.from({ length }, (__, index) => generatedRow(from + index));
    },
    ignoringCase: readOnly,
    addBucket: readOnly,
    changeBucket: readOnly,
    removeBucket: readOnly,
    upsert: readOnly,
    remove: readOnly,
    close: () => {},
  };
}

function uuidOf(hash: string): string {
  return hash.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
