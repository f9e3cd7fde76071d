# Puma: a pool of threads, Net::HTTP with a connection per thread.
require "net/http"
require "uri"

NEXT = URI(ENV.fetch("NEXT"))

def work(kind)
  case kind
  when "cpu"
    finish = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 0.001
    nil while Process.clock_gettime(Process::CLOCK_MONOTONIC) < finish
  when "sleep" then sleep(0.001 + rand * 0.008)
  when "file" then File.binread("/etc/services")
  end
end

run(lambda do |env|
  query = URI.decode_www_form(env["QUERY_STRING"]).to_h
  (1..(query["n"] || 1).to_i).each do |index|
    work(query["w"])
    http = (Thread.current[:http] ||= Net::HTTP.new(NEXT.host, NEXT.port).start)
    http.get("#{env["PATH_INFO"]}.#{index}?#{env["QUERY_STRING"]}")
  end
  sleep(query["p"].to_i / 1000.0) if query["p"]
  [200, { "content-type" => "text/plain" }, ["ok\n"]]
end)
