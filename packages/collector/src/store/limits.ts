import type { Lane } from "./engine.ts";

/** A guest on the machine: one merge thread, 1.5 GB, small caches, two threads a query. The first session's arguments count for all. */
export const connectionArgs: readonly string[] = [
  "--background_pool_size=1",
  "--max_server_memory_usage=1500000000",
  "--mark_cache_size=134217728",
  "--max_threads=2",
];

/** Lists of ids stand in the statement itself, so it may be long; a command's key holds its time, so its twins share a partition. */
const shared = "max_query_size = 268435456, do_not_merge_across_partitions_select_final = 1";

/** What a report groups by may be as many as there are commands. */
const spill = "max_bytes_before_external_group_by = 300000000, max_bytes_before_external_sort = 300000000";

const small = "max_block_size = 128, preferred_block_size_bytes = 262144, max_threads = 1, output_format_parallel_formatting = 0";

/** What each lane's session, and each stream's, sets before anything is asked of it. */
export const limits: Readonly<Record<Lane | "stream", readonly string[]>> = {
  write: [`SET ${shared}`],
  // readonly comes last: from then on the session may neither write nor read files nor change a setting, this one included.
  quick: [`SET ${shared}, max_execution_time = 20, max_memory_usage = 600000000`, "SET readonly = 1"],
  report: [`SET ${shared}, ${spill}, max_execution_time = 120, max_memory_usage = 1000000000`, "SET readonly = 1"],
  // Its time is that of the reader at the other end. Small blocks, since a row may be half a megabyte and several copies of a block are made.
  stream: [`SET ${shared}, ${spill}, ${small}, max_memory_usage = 1000000000`, "SET readonly = 1"],
};
