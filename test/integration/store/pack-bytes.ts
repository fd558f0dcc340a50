/** What the child process of pack-writer.ts writes into every pack: more than the store writes at once. */
export function packBytes(): Buffer {
  return Buffer.alloc(3 * 1024 * 1024, "sealed bytes of a pack");
}
