/** What writers and readers of packs agree on; docs/format.md promises it. */

/** Bytes of tar that one frame decodes to at most: what a reader must be ready to hold. */
export const maxFrameBytes = 4 * 1024 * 1024;

/** Of one tar header with its PAX records; real ones have at most a few thousand bytes. */
export const maxTarHeaderBytes = 64 * 1024;

export const tarBlockBytes = 512;

/** The end of a tar: decodes from the last frame of every pack. */
export const endOfTarBytes = 2 * tarBlockBytes;

/** Zero bytes that follow a body of `size` bytes up to the next block. */
export function paddingOf(size: number): number {
  return (tarBlockBytes - (size % tarBlockBytes)) % tarBlockBytes;
}
