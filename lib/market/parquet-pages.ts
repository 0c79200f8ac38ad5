import type { ColumnMetaData, FileMetaData } from "hyparquet";

/**
 * Refuses pages whose headers are damaged. The reader takes a number that is missing for NaN and never ends, or fills memory. It may
 * still take long over damage inside a page.
 *
 * @param columns Names of the columns that will be read.
 * @throws {RangeError}
 */
export async function assertPages(
  metadata: FileMetaData,
  { buffer, columns }: { buffer: ArrayBuffer; columns: readonly string[] },
): Promise<void> {
  const { parquetHeader } = await import("hyparquet/src/column.js");
  for (const { meta_data: chunk } of metadata.row_groups.flatMap((group) => group.columns)) {
    if (chunk === undefined || !columns.includes(chunk.path_in_schema[0]!)) continue;
    const reader = { view: viewOf(buffer, chunk), offset: 0 };
    let left = Number(chunk.num_values);
    // As the reader does: a page needs more than a byte.
    while (left > 0 && reader.offset < reader.view.byteLength - 1) {
      const header = parquetHeader(reader);
      const {
        compressed_page_size: size,
        uncompressed_page_size: unpacked,
        dictionary_page_header: dictionary,
      } = header;
      const { data_page_header: first, data_page_header_v2: second } = header;
      assertCount(size, reader.view.byteLength);
      assertCount(unpacked, Number(chunk.total_uncompressed_size));
      if (dictionary !== undefined) assertCount(dictionary.num_values, unpacked);
      else left -= assertCount((first ?? second)?.num_values, left);
      if (second !== undefined) {
        assertCount(second.num_nulls, second.num_values);
        assertCount(second.num_rows, second.num_values);
        assertCount(second.definition_levels_byte_length, size);
        assertCount(second.repetition_levels_byte_length, size);
      }
      reader.offset += size;
    }
  }
}

function viewOf(buffer: ArrayBuffer, chunk: ColumnMetaData): DataView {
  const { dictionary_page_offset: dictionary, data_page_offset: data, total_compressed_size: size } = chunk;
  return new DataView(buffer, Number(dictionary || data), Number(size));
}

function assertCount(count: number | undefined, max: number): number {
  if (count !== undefined && Number.isInteger(count) && count >= 0 && count <= max) return count;
  throw new RangeError(`Cannot read a page of Parquet: found ${count}, expected 0 to ${max}`);
}
