-- What wrk sends: the requests of a file (method, path and token per line), one after the other, over and over.
-- Ends with one line of JSON, which bench/load.py reads.
local requests, at = {}, 0

function init(args)
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
