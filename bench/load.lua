-- What wrk sends: the requests of a file (method, path and token per line), one after the other, over and over.
-- With a pace (requests per second in all, 0 for none), each waits for its turn.
-- Ends with one line of JSON, which bench/load.py reads.
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } ts_t; int clock_gettime(int clock, ts_t *at);")
local requests, at, pace, turn = {}, 0, 0, 0
local clock = ffi.new("ts_t")

local function now_ms()
  ffi.C.clock_gettime(1, clock)
  return tonumber(clock.s) * 1000 + tonumber(clock.ns) / 1e6
end

local function wait()
  local now = now_ms()
  turn = math.max(turn + 1000 / pace, now - 50)
  return math.max(0, math.floor(turn - now))
end

function init(args)
  pace = tonumber(args[2])
  if pace > 0 then delay = wait end
  for line in io.lines(args[1]) do
    local method, path, token = line:match("^(%S+) (%S+) (%S+)$")
    local headers = { ["Host"] = wrk.host .. ":" .. wrk.port, ["Authorization"] = "Bearer " .. token }
    requests[#requests + 1] = wrk.format(method, path, headers, method == "POST" and "" or nil)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"answers": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
