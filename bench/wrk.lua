-- SPDX-License-Identifier: Apache-2.0
-- The requests that wrk sends for bench/compare, and its figures as one line of JSON.
-- wrk -s wrk.lua URL -- MODE [ARGUMENT...]
--   plain              GET of the URL's path
--   close              the same, with Connection: close
--   post BYTES         POST of that many bytes
--   pipeline DEPTH     that many GETs in one write
--   spread FORMAT N    GETs over the N paths FORMAT makes of 0..N-1, in a scattered order

local modes = {}

function modes.plain() end

function modes.close()
	wrk.headers["Connection"] = "close"
end

function modes.post(bytes)
	wrk.method = "POST"
	wrk.body = string.rep("x", tonumber(bytes))
end

function modes.pipeline(depth)
	local batch = string.rep(wrk.format(), tonumber(depth))

	request = function() return batch end
end

-- The step is prime and larger than any N used, so that every path comes once in each N requests.
function modes.spread(format, n)
	local requests, count, at = {}, tonumber(n), 0

	for i = 0, count - 1 do
		requests[i] = wrk.format("GET", string.format(format, i))
	end
	request = function()
		at = (at + 104729) % count
		return requests[at]
	end
end

function init(args)
	modes[args[1]](args[2], args[3])
end

function done(summary, latency, requests)
	local e = summary.errors

	io.write(string.format(
		'\nfigures {"requests": %d, "duration_us": %d, "bytes": %d, ' ..
		'"p50_us": %d, "p99_us": %d, "p999_us": %d, ' ..
		'"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\n',
		summary.requests, summary.duration, summary.bytes,
		latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
		e.connect, e.read, e.write, e.status, e.timeout))
end
