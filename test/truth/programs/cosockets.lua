-- nginx with lua-nginx-module: HTTP by hand over cosockets, which are kept. n, m: several calls; w=sleep: a timer before each.
local arguments = ngx.req.get_uri_args()
local query = ngx.var.args or ""
local id = ngx.var.id
local port = tonumber(os.getenv("NEXT"):match(":(%d+)$"))

local function read_answer(socket)
  local length
  while true do
    local line = assert(socket:receive("*l"))
    if line == "" then break end
    length = length or tonumber(line:match("^Content%-Length: (%d+)"))
  end
  if length then return socket:receive(length) end
  repeat
    local size = tonumber(socket:receive("*l"), 16)
    socket:receive(size + 2)
  until size == 0
end

local function call(index)
  if arguments.w == "sleep" then ngx.sleep(0.001 + math.random() * 0.008) end
  local socket = ngx.socket.tcp()
  assert(socket:connect("127.0.0.1", port))
  socket:send("GET /h/" .. id .. "." .. index .. "?" .. query .. " HTTP/1.1\r\nHost: next\r\n\r\n")
  read_answer(socket)
  socket:setkeepalive(60000, 64)
end

local threads = {}
for index = 1, tonumber(arguments.n or "1") do
  if arguments.m then threads[index] = ngx.thread.spawn(call, index) else call(index) end
end
for _, thread in ipairs(threads) do ngx.thread.wait(thread) end
ngx.header["Content-Length"] = 3
ngx.print("ok\n")
