-- What wrk sends: GETs with the fields of a file ("Name: value" per line), at a pace if there is one; for a path under
-- /new/ each with one more field that no other has.
-- Ends with one line of JSON, which bench_edge/load.py reads.
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } ts_t; int clock_gettime(int clock, ts_t *at);")
local clock = ffi.new("ts_t")
local asked, pace, turn, number = "", 0, 0, 0

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
  local headers = {}
  for line in io.lines(args[1]) do
    local name, value = line:match("^([^:]+): (.*)$")
    headers[name] = value
  end
  asked = wrk.format("GET", nil, headers)
  is_new = wrk.path:find("^/new/") ~= nil
  pace = tonumber(args[2])
  if pace > 0 then delay = wait end
end

function request()
  if not is_new then return asked end
  number = number + 1
  return asked:sub(1, -3) .. "X-Request: " .. number .. "\r\n\r\n"
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"answers": %d, "bytes": %d, "seconds": %.6f, "failed": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.bytes, summary.duration / 1e6,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
