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

# Each call is made by a thread of its own, which has no connection yet.
BY_THREADS = ENV["CALLS_BY"] == "threads"

def call(path)
  http = (Thread.current[:http] ||= Net::HTTP.new(NEXT.host, NEXT.port).start)
  http.get(path)
  http.finish if BY_THREADS
end

run(lambda do |env|
  query = URI.decode_www_form(env["QUERY_STRING"]).to_h
  one = lambda do |index|
    work(query["w"])
    call("#{env["PATH_INFO"]}.#{index}?#{env["QUERY_STRING"]}")
  end
  indexes = 1..(query["n"] || 1).to_i
  if !BY_THREADS then indexes.each(&one)
  elsif query["m"] == "par" then indexes.map { |index| Thread.new { one.call(index) } }.each(&:join)
  else indexes.each { |index| Thread.new { one.call(index) }.join }
  end
  sleep(query["p"].to_i / 1000.0) if query["p"]
  [200, { "content-type" => "text/plain" }, ["ok\n"]]
end)
