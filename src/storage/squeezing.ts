/** Which objects are compressed already, so that trying again would only cost time. */
import type { InventoryObject } from "./objects.ts";

/** Content types, without parameters; a `*` stands for a whole family. */
const compressedTypes: ReadonlySet<string> = new Set([
  ...["audio/*", "video/*", "image/*", "font/woff", "font/woff2"],
  ...["application/zip", "application/gzip", "application/x-gzip", "application/zstd", "application/x-bzip2"],
  ...[
    "application/x-xz",
    "application/x-7z-compressed",
    "application/vnd.rar",
    "application/x-rar-compressed",
  ],
  ...["application/java-archive", "application/vnd.android.package-archive", "application/epub+zip"],
  ...["application/pdf", "application/vnd.apache.parquet"],
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  "application/vnd.oasis.opendocument.text",
  "application/vnd.oasis.opendocument.spreadsheet",
  "application/vnd.oasis.opendocument.presentation",
]);

/** Of the families above, what is plain after all. */
const plainTypes: ReadonlySet<string> = new Set([
  ...["image/svg+xml", "image/bmp", "image/x-ms-bmp", "image/tiff", "image/vnd.adobe.photoshop"],
  ...["image/x-icon", "image/vnd.microsoft.icon", "image/x-portable-pixmap", "image/x-tga"],
  ...["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/aiff", "audio/x-aiff", "audio/midi"],
]);

/** Types that say nothing: the ending of the name decides. */
const unknownTypes: ReadonlySet<string> = new Set(["", "application/octet-stream", "binary/octet-stream"]);

const compressedEndings: ReadonlySet<string> = new Set([
  ...["jpg", "jpeg", "jfif", "png", "gif", "webp", "avif", "heic", "heif", "jxl", "jp2"],
  ...["mp3", "m4a", "aac", "ogg", "oga", "opus", "flac", "wma"],
  ...["mp4", "m4v", "mov", "webm", "mkv", "avi", "mpg", "mpeg", "wmv", "flv", "ogv", "3gp"],
  ...["zip", "gz", "tgz", "bz2", "tbz2", "xz", "txz", "zst", "lz4", "br", "7z", "rar", "lz", "lzma", "z"],
  ...["jar", "war", "apk", "aab", "ipa", "epub", "whl", "crx", "xpi", "deb", "rpm", "msi", "cab", "dmg"],
  ...["pdf", "docx", "xlsx", "pptx", "odt", "ods", "odp", "pages", "numbers", "key", "sketch"],
  ...["woff", "woff2", "parquet", "orc", "age", "gpg", "glb"],
]);

/** Whether compressing is worth a try: by the content type, and by the name's ending where the type says nothing. */
export function isWorthSqueezing(object: Pick<InventoryObject, "name" | "contentType">): boolean {
  const type = (object.contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (unknownTypes.has(type)) return !compressedEndings.has(endingOf(object.name));
  if (plainTypes.has(type)) return true;
  return !compressedTypes.has(type) && !compressedTypes.has(`${type.split("/", 1)[0] ?? ""}/*`);
}

function endingOf(name: string): string {
  return /\.([^./]{1,10})$/.exec(name)?.[1]?.toLowerCase() ?? "";
}
