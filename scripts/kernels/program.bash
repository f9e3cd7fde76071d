# sockspan itself for the small machine: Node, the packages that it needs at run time, libbpf.
# Sourced by scripts/kernels/run.

# make_program_root ROOT
make_program_root() {
    local root=$1 library
    mkdir -p "$root/bin" "$root/etc" "$root/lib/x86_64-linux-gnu" "$root/sockspan/build" "$root/www"
    cp "$(command -v node)" "$root/bin/node"
    cp -r bin package.json otel-config.yaml "$root/sockspan/"
    cp -r build/src build/bpf "$root/sockspan/build/"
    npm ls --omit=dev --all --parseable 2>/dev/null | grep /node_modules/ | sed "s#^$PWD/##" |
        tar -c --exclude='*.map' --exclude='*.d.ts' --exclude='*.md' --files-from=- | tar -x -C "$root/sockspan"
    # koffi opens it by name, so ldd does not see it.
    library=$(ldconfig -p | sed -n 's/.*libbpf\.so\.1 .*=> //p' | head -n 1)
    for library in "$library" $(ldd "$library" | grep -o '/[^ ]*\.so[^ ]*'); do
        cp -L "$library" "$root/lib/x86_64-linux-gnu/"
    done
    # The worker becomes nobody.
    printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
    echo hello >"$root/www/index.html"
}

# program_checks SENDS RECEIVES UNIX: a script that captures an exchange of busybox's own with each hook set and looks for
# its two spans; and one of Node's over an AF_UNIX stream, whose two spans must be of one trace where UNIX is the hook set
# that reads them. Before it a uprobe is attached to the program itself, at its first instruction, and detached. Emulation is slow:
# the waits are long.
program_checks() {
    local sends=$1 receives=$2 unix=$3 set
    echo "unix=$unix"
    cat <<'EOF'
cd /sockspan
export HOME=/tmp
status=0
httpd -p 127.0.0.1:8080 -h /www
cat >/tmp/config.yaml <<'YAML'
receivers: { socket_trace: {} }
exporters: { file: { path: /tmp/traces.jsonl } }
service: { pipelines: { traces: { receivers: [socket_trace], exporters: [file] } } }
YAML
cat >/tmp/exchange.cjs <<'NODE'
const http = require("http");
const server = http.createServer((_request, response) => response.end("ok"));
server.listen("/tmp/exchange.sock", () =>
  http.get({ socketPath: "/tmp/exchange.sock", path: "/by-socket" }, (answer) =>
    answer.resume().on("end", () => process.exit()),
  ),
);
NODE
cat >/tmp/traces-of.cjs <<'NODE'
const lines = require("fs").readFileSync("/tmp/traces.jsonl", "utf8").trim().split("\n");
const found = lines
  .flatMap((line) => JSON.parse(line).resourceSpans)
  .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
  .filter((span) => JSON.stringify(span).includes("/by-socket"));
console.log(`${found.length} spans in ${new Set(found.map(({ traceId }) => traceId)).size} traces`);
NODE
cat >/tmp/uprobe.mjs <<'NODE'
import { openSync, readSync, readFileSync, readlinkSync } from "node:fs";
import { isKernelBefore } from "/sockspan/build/src/bpf/kernel-version.js";
import { BpfObject } from "/sockspan/build/src/bpf/object.js";
import { UPROBE_LINKS_SINCE } from "/sockspan/build/src/bpf/uprobe-link.js";
const file = readlinkSync("/proc/self/exe");
const head = new DataView(new ArrayBuffer(4096));
readSync(openSync(file), head);
const [entry, table] = [24, 32].map((at) => Number(head.getBigUint64(at, true)));
const [size, count] = [54, 56].map((at) => head.getUint16(at, true));
let offset;
for (let at = table; at < table + size * count; at += size) {
  const [inFile, address, , length] = [8, 16, 24, 32].map((field) => Number(head.getBigUint64(at + field, true)));
  const isLoaded = head.getUint32(at, true) === 1;
  if (isLoaded && entry >= address && entry < address + length) offset = entry - address + inFile;
}
const object = BpfObject.open("uprobes", readFileSync("/sockspan/build/bpf/socket_trace.bpf.o"));
object.selectPrograms(new Set(["tokio_wake"]));
const areLinks = !isKernelBefore(...UPROBE_LINKS_SINCE);
if (areLinks) object.useUprobeLinks();
object.load();
await object.attachUprobe("tokio_wake", process.pid, file, offset)();
console.log(`ok program:uprobe (${areLinks ? "a link" : "a perf event"})`);
NODE
node /tmp/uprobe.mjs 2>/tmp/log || {
    echo "refused program:uprobe"
    cat /tmp/log
    status=1
}
attempt() {
    expected="0 spans in 0 traces"
    if [ $unix = a ] || [ $unix$1$2 = bbb ]; then expected="2 spans in 1 traces"; fi
    rm -f /tmp/traces.jsonl /tmp/ready
    node bin/sockspan run --config /tmp/config.yaml --ready-file /tmp/ready \
        --set receivers.socket_trace.hook_set.sends=$1 --set receivers.socket_trace.hook_set.receives=$2 >/tmp/log 2>&1 &
    pid=$!
    waited=0
    while [ ! -e /tmp/ready ] && [ $waited -lt 90 ] && kill -0 $pid; do sleep 1; waited=$((waited + 1)); done
    sleep 2
    wget -q -O /dev/null http://127.0.0.1:8080/index.html
    rm -f /tmp/exchange.sock
    node /tmp/exchange.cjs
    sleep 3
    kill $pid
    wait $pid
    spans=$(grep -o '/index.html"' /tmp/traces.jsonl | wc -l)
    by_socket=$(node /tmp/traces-of.cjs)
    if [ "$spans" -eq 2 ] && [ "$by_socket" = "$expected" ]; then
        echo "ok program:$1:$2"
    else
        echo "refused program:$1:$2 ($spans of 2 spans; by socket $by_socket, not $expected)"
        cat /tmp/log
        status=1
    fi
}
EOF
    for set in $(echo "$sends" | grep -o .); do
        case $receives in *"$set"*) echo "attempt $set $set" ;; *) echo "attempt $set ${receives%"${receives#?}"}" ;; esac
    done
    echo 'exit $status'
}
