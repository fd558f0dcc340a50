/** A small stored file, whole. */
export async function wholeOf(stored: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const bytes of stored) chunks.push(bytes);
  return Buffer.concat(chunks);
}
