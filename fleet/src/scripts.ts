/**
 * What happens in Redis in one step, as scripts in Lua.
 *
 * @module
 */

/**
 * Notes that the work for a user begins, if the job's lock is still this worker's.
 *
 * KEYS: lock, marks, finished, results, state. ARGV: token, chunk, index, most results, "1" if idempotent.
 * Returns "run"; "done" if the user is; "interrupted" if another worker began it; "lost" if the lock is
 * another's; "full" if too many results wait.
 *
 * A mark is the token of the worker that began the user, or "done".
 */
export const beginScript = `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return "lost" end
if redis.call("SISMEMBER", KEYS[3], ARGV[2]) == 1 then return "done" end
local mark = redis.call("HGET", KEYS[2], ARGV[3])
if mark == "done" then return "done" end
if mark and mark ~= ARGV[1] and ARGV[5] ~= "1" then return "interrupted" end
if redis.call("XLEN", KEYS[4]) >= tonumber(ARGV[4]) then return "full" end
redis.call("HSET", KEYS[2], ARGV[3], ARGV[1])
redis.call("HSETNX", KEYS[5], "begun", redis.call("TIME")[1])
return "run"
`;

/**
 * Notes that a user is done and adds the result, if the job's lock is still this worker's.
 *
 * KEYS: lock, marks, finished, results, state. ARGV: token, chunk, index, the chunk's users, the result, "1" if
 * it failed. Returns "done", or "lost".
 */
export const endScript = `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return "lost" end
if redis.call("SISMEMBER", KEYS[3], ARGV[2]) == 1 then return "done" end
if redis.call("HGET", KEYS[2], ARGV[3]) == "done" then return "done" end
redis.call("HSET", KEYS[2], ARGV[3], "done")
redis.call("XADD", KEYS[4], "*", "result", ARGV[5])
redis.call("HINCRBY", KEYS[5], "done", 1)
if ARGV[6] == "1" then redis.call("HINCRBY", KEYS[5], "failed", 1) end
if redis.call("HINCRBY", KEYS[2], "count", 1) == tonumber(ARGV[4]) then
  redis.call("SADD", KEYS[3], ARGV[2])
  redis.call("DEL", KEYS[2])
end
return "done"
`;

/**
 * Notes that the jobs of a chunk are there, if nobody else enqueues, and nothing is gone.
 *
 * KEYS: state. ARGV: enqueuer, chunk, how many users there are with it, the fingerprint. Returns "noted", or
 * "lost".
 */
export const chunkScript = `
if redis.call("HGET", KEYS[1], "enqueuer") ~= ARGV[1] then return "lost" end
redis.call("HSET", KEYS[1], "chunks", ARGV[2] + 1, "enqueued", ARGV[3], "hash", ARGV[4])
return "noted"
`;

/**
 * Reads results until they are so many, or have so many bytes.
 *
 * KEYS: results. ARGV: the last id that was read, most results, most bytes. Returns pairs of an id and a text.
 */
export const resultsScript = `
local last, bytes, entries = ARGV[1], 0, {}
while #entries < tonumber(ARGV[2]) and bytes < tonumber(ARGV[3]) do
  local found = redis.call("XREAD", "COUNT", 1, "STREAMS", KEYS[1], last)
  if not found then break end
  local entry = found[1][2][1]
  last = entry[1]
  bytes = bytes + #entry[2][2]
  table.insert(entries, {last, entry[2][2]})
end
return entries
`;
