// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration has its own templates
import assert from "node:assert/strict";
import { load, MINIMAL, problemsOf } from "./support.ts";

describe("configuration", () => {
  it("fills defaults, and null is an empty component", () => {
    const { config, warnings } = load({ files: { "a.yaml": MINIMAL } });
    assert.deepEqual(config.receivers.get("socket_trace")?.settings, { hooks: "auto" });
    assert.deepEqual(config.exporters.get("debug")?.settings, { verbosity: "basic" });
    assert.deepEqual(config.pipelines, [
      { id: "traces", signal: "traces", receivers: ["socket_trace"], processors: [], exporters: ["debug"] },
    ]);
    assert.deepEqual(config.telemetry.metrics, { address: { host: "127.0.0.1", port: 8888 }, isDefaultAddress: true });
    assert.deepEqual(warnings, []);
  });

  it("merges several files: maps merge, lists are replaced", () => {
    const over = `
exporters:
  otlp: {endpoint: "a:4317"}
service:
  pipelines:
    traces:
      exporters: [otlp]
`;
    const { config, warnings } = load({
      files: { "a.yaml": MINIMAL, "b.yaml": over },
      locations: ["a.yaml", "file:b.yaml"],
    });
    assert.deepEqual(config.pipelines[0]?.exporters, ["otlp"]);
    assert.equal(config.exporters.get("otlp")?.type, "otlp_grpc");
    assert.deepEqual(config.pipelines[0]?.receivers, ["socket_trace"]);
    assert.deepEqual(warnings, ["exporters.debug is defined but not used"]);
  });

  it("takes --set, env: and yaml: layers in order", () => {
    const { config } = load({
      files: { "a.yaml": MINIMAL },
      locations: ["a.yaml", "env:EXTRA", "yaml:exporters::debug::verbosity: normal"],
      settings: ["receivers.socket_trace.hooks=fentry", "service.telemetry.logs.level=debug"],
      environment: { EXTRA: "exporters: {debug: {verbosity: detailed}}" },
    });
    assert.deepEqual(config.exporters.get("debug")?.settings, { verbosity: "normal" });
    assert.deepEqual(config.receivers.get("socket_trace")?.settings, { hooks: "fentry" });
    assert.equal(config.telemetry.logs.level, "debug");
  });

  it("expands variables, with defaults, types and escapes", () => {
    const text = `
receivers: {socket_trace: }
exporters:
  otlp_grpc:
    endpoint: \${env:HOST:-localhost}:\${env:PORT}
    timeout: \${env:TIMEOUT:-2s}
    tls: {insecure: "\${env:INSECURE}"}
    sending_queue: \${env:QUEUE}
    headers: {cost: "$$5", number: "\${env:NUMBER}", plain: "\${PORT}", file: "\${file:secret}"}
service: {pipelines: {traces: {receivers: [socket_trace], exporters: [otlp_grpc]}}}
`;
    const { config } = load({
      files: { "a.yaml": text, secret: "s3cret\n" },
      environment: { PORT: "4317", INSECURE: "true", QUEUE: "{queue_size: 4KiB}", NUMBER: "0123" },
    });
    assert.deepEqual(config.exporters.get("otlp_grpc")?.settings, {
      endpoint: "localhost:4317",
      timeout: 2000,
      compression: "gzip",
      headers: { cost: "$5", number: "0123", plain: "4317", file: "s3cret" },
      tls: { insecure: true },
      sending_queue: { queue_size: 4096, num_consumers: 10 },
    });
  });

  it("expands references in references, the innermost first", () => {
    const verbosity = (value: string) => {
      const text = MINIMAL.replace("debug:", () => `debug: {verbosity: '${value}'}`);
      const environment = { WHICH: "LEVEL", LEVEL: "normal", EMPTY: "" };
      const { config } = load({ files: { "a.yaml": text }, environment });
      return (config.exporters.get("debug")!.settings as { verbosity: string }).verbosity;
    };
    assert.equal(verbosity("${env:NOPE:-${env:LEVEL}}"), "normal");
    assert.equal(verbosity("${env:EMPTY:-${env:NOPE:-${LEVEL}}}"), "normal");
    assert.equal(verbosity("${env:${env:WHICH}}"), "normal");
    assert.equal(verbosity("${env:NOPE:-nor}${env:NOPE:-${env:EMPTY:-mal}}"), "normal");
    assert.equal(verbosity("${env:LEVEL:-${env:NOPE}}"), "normal");
    assert.throws(() => verbosity("$${env:NOPE:-${env:LEVEL}}"), /"\$\{env:NOPE:-normal\}" is none of/);
  });

  it("takes an empty value for an empty map", () => {
    const text = MINIMAL.replace("debug:", "debug:\n  otlp_grpc: {endpoint: 'a:1', tls: , sending_queue: }").replace(
      "service:",
      "service:\n  telemetry: {logs: , metrics: }",
    );
    const { tls } = load({ files: { "a.yaml": text } }).config.exporters.get("otlp_grpc")!.settings as { tls: object };
    assert.deepEqual(tls, { insecure: false });
  });

  it("merges maps by YAML's merge key", () => {
    const text = MINIMAL.replace("debug:", "debug: &one {verbosity: normal}\n  debug/2: {<<: *one}");
    const { config } = load({ files: { "a.yaml": text } });
    assert.deepEqual(config.exporters.get("debug/2")?.settings, { verbosity: "normal" });
  });

  it("warns of variables that are not set", () => {
    const text = MINIMAL.replace(
      "debug:",
      "debug: {verbosity: basic}\n  otlp_grpc: {endpoint: 'a:1', headers: {x: 'b${env:NOPE}'}}",
    );
    assert.deepEqual(load({ files: { "a.yaml": text } }).warnings, [
      "${env:NOPE} is not set and has no default: empty",
      "exporters.otlp_grpc is defined but not used",
    ]);
  });

  it("follows variables that name variables, and stops at a cycle", () => {
    const text = MINIMAL.replace("debug:", "debug: {verbosity: '${env:A}'}");
    const { config } = load({ files: { "a.yaml": text }, environment: { A: "${env:B}", B: "normal" } });
    assert.deepEqual(config.exporters.get("debug")?.settings, { verbosity: "normal" });
    const cyclic = problemsOf({ files: { "a.yaml": text }, environment: { A: "x${env:A}" } });
    assert.match(cyclic[0]!, /without end \[CONFIG_VARIABLE\]/);
  });
});

describe("configuration problems", () => {
  it("come all at once, each with its place and the nearest right word", () => {
    const text = `receivers:
  socket_trac:
  socket_trace:
    hoks: fentry
processor:
  batch:
exporters:
  debug:
    verbosity: detialed
  otlp_grpc:
    timeout: soon
    tls: {insecure: yes please}
    sending_queue: {num_consumers: 0}
service:
  extensions: [zpage]
  pipelines:
    traces:
      receivers: [socket_trace, socket_tracer]
      exporters: []
    trace: {receivers: [socket_trace], exporters: [debug]}
`;
    assert.deepEqual(problemsOf({ files: { "a.yaml": text } }), [
      'a.yaml:5:1: processor: unknown key "processor", did you mean "processors"? [CONFIG_UNKNOWN_KEY]',
      'a.yaml:2:3: receivers.socket_trac: there is no receiver "socket_trac", did you mean "socket_trace"? [CONFIG_UNKNOWN_COMPONENT]',
      'a.yaml:4:5: receivers.socket_trace.hoks: unknown key "hoks", did you mean "hooks"? [CONFIG_UNKNOWN_KEY]',
      'a.yaml:9:16: exporters.debug.verbosity: "detialed" is none of basic, normal, detailed, did you mean "detailed"? [CONFIG_BAD_VALUE]',
      "a.yaml:11:5: exporters.otlp_grpc.endpoint: is required and missing [CONFIG_BAD_VALUE]",
      'a.yaml:11:14: exporters.otlp_grpc.timeout: "soon" is not a duration, write it like "5s" or "200ms" [CONFIG_BAD_VALUE]',
      'a.yaml:12:21: exporters.otlp_grpc.tls.insecure: "yes please" is not a boolean [CONFIG_BAD_VALUE]',
      "a.yaml:13:36: exporters.otlp_grpc.sending_queue.num_consumers: 0 is too small, at least 1 is needed [CONFIG_BAD_VALUE]",
      'a.yaml:18:33: service.pipelines.traces.receivers[1]: "socket_tracer" is not defined under receivers, did you mean "socket_trace"? [CONFIG_UNDEFINED_COMPONENT]',
      "a.yaml:19:18: service.pipelines.traces.exporters: a pipeline needs at least one of exporters [CONFIG_PIPELINE]",
      'a.yaml:20:5: service.pipelines.trace: "trace" is no pipeline of sockspan: traces, profiles, with /name where there are more, did you mean "traces"? [CONFIG_UNKNOWN_COMPONENT]',
      'a.yaml:15:16: service.extensions[0]: "zpage" is not defined under extensions [CONFIG_UNDEFINED_COMPONENT]',
    ]);
  });

  it("name a syntax error's place", () => {
    assert.match(
      problemsOf({ files: { "a.yaml": "receivers:\n  a: [1\nb: 2\n" } })[0]!,
      /^a\.yaml:\d+:\d+: .*\[CONFIG_SYNTAX\]$/,
    );
    assert.match(problemsOf({ files: { "a.yaml": "a: 1\na: 2\n" } })[0]!, /^a\.yaml:2:1: .*unique.*\[CONFIG_SYNTAX\]$/);
  });

  it("name what can't be read", () => {
    assert.deepEqual(problemsOf({ locations: ["b.yaml", "env:NOPE", "http://x"], settings: ["a.b"] }), [
      "b.yaml: no such file [CONFIG_UNREADABLE]",
      "env:NOPE: the variable is not set [CONFIG_UNREADABLE]",
      'http://x: "http" is no provider: file, env and yaml are [CONFIG_UNREADABLE]',
      "--set a.b: write it as --set key.key=value [CONFIG_UNREADABLE]",
    ]);
  });

  it("are syntax errors where aliases have no end", () => {
    for (const text of ["a: &a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}"]) {
      assert.match(
        problemsOf({ files: { "a.yaml": text } })[0]!,
        /^a\.yaml:1:\d+: the alias \*a stands in what it names \[CONFIG_SYNTAX\]$/,
        text,
      );
    }
    const open = problemsOf({ files: { "a.yaml": "[".repeat(20_000) } });
    assert.match(open[0]!, /nested too deep \[CONFIG_SYNTAX\]$/);
  });

  it("of the pipelines come together with those of the telemetry", () => {
    const text = `${MINIMAL.replace("[debug]", "[debug, none]")}  telemetry: {logs: {level: loud}}\n  extension: [a]\n`;
    assert.deepEqual(
      problemsOf({ files: { "a.yaml": text } }).map((line) => line.replace(/^\S+ /, "")),
      [
        'service.telemetry.logs.level: "loud" is none of debug, info, warn, error [CONFIG_BAD_VALUE]',
        'service.extension: unknown key "extension", did you mean "extensions"? [CONFIG_UNKNOWN_KEY]',
        'service.pipelines.traces.exporters[1]: "none" is not defined under exporters [CONFIG_UNDEFINED_COMPONENT]',
      ],
    );
  });

  it("say what a duration or a size looks like, whatever stands there, and how long it may be", () => {
    const problemOf = (settings: string) => {
      const text = MINIMAL.replace("debug:", `debug:\n  otlp_grpc: {endpoint: "a:1", ${settings}}`);
      return problemsOf({ files: { "a.yaml": text } })[0]!.replace(/^\S+ \S+ /, "");
    };
    const duration = 'not a duration, write it like "5s" or "200ms" [CONFIG_BAD_VALUE]';
    assert.equal(problemOf("timeout: 5"), `5 is ${duration}`);
    assert.equal(problemOf("timeout: -5s"), `"-5s" is ${duration}`);
    assert.equal(problemOf("timeout: true"), `true is ${duration}`);
    assert.equal(problemOf("timeout: [5s]"), `a list is ${duration}`);
    assert.equal(problemOf("timeout: 1000h"), '"1000h" is too long, at most 596h is allowed [CONFIG_BAD_VALUE]');
    const size = 'not a size, write it like "4MiB" or 4194304 [CONFIG_BAD_VALUE]';
    assert.equal(problemOf("sending_queue: {queue_size: -1k}"), `"-1k" is ${size}`);
    assert.equal(problemOf("sending_queue: {queue_size: {a: b}}"), `a map is ${size}`);
  });

  it("name the variable that is not set", () => {
    const text = MINIMAL.replace("debug:", "debug: {verbosity: '${env:NOPE}'}");
    assert.deepEqual(problemsOf({ files: { "a.yaml": text } }), [
      "a.yaml:5:22: exporters.debug.verbosity: an empty value is none of basic, normal, detailed, since ${env:NOPE} is not set [CONFIG_BAD_VALUE]",
    ]);
  });

  it("name --set as the place", () => {
    assert.deepEqual(problemsOf({ files: { "a.yaml": MINIMAL }, settings: ["exporters.debug.verbosity=loud"] }), [
      '--set exporters.debug.verbosity: exporters.debug.verbosity: "loud" is none of basic, normal, detailed [CONFIG_BAD_VALUE]',
    ]);
  });

  it("never show a secret", () => {
    const text = MINIMAL.replace(
      "debug:",
      "debug:\n  otlp_grpc: {endpoint: 'a:1', headers: {authorization: [hunter2]}, password: hunter2}",
    );
    const lines = problemsOf({ files: { "a.yaml": text } }).join("\n");
    assert.match(lines, /exporters\.otlp_grpc\.headers\.authorization/);
    assert.doesNotMatch(lines, /hunter2/);
    for (const setting of [
      "exporters.otlp_grpc.headers=hunter2",
      "exporters.otlp_grpc.headers.a=[hunter2",
      "a..b=hunter2",
    ]) {
      const set = problemsOf({ files: { "a.yaml": MINIMAL }, settings: [setting] }).join("\n");
      assert.match(set, /^--set /);
      assert.doesNotMatch(set, /hunter2/);
    }
  });

  it("say where a component belongs", () => {
    const text = MINIMAL.replace("socket_trace:\n", "socket_trace:\n  debug:\n");
    assert.match(problemsOf({ files: { "a.yaml": text } })[0]!, /"debug" belongs under exporters, it is no receiver/);
  });

  it("are raised for pipelines that can't work", () => {
    const text = MINIMAL.replace("socket_trace:\n", "socket_trace:\n  profile:\n").replace(
      "[socket_trace]",
      "[profile, profile]",
    );
    const lines = problemsOf({ files: { "a.yaml": text } });
    assert.match(lines.join("\n"), /"profile" can't be in a pipeline of traces, only of profiles/);
    assert.match(lines.join("\n"), /"profile" is listed twice/);
    assert.match(problemsOf({ files: { "a.yaml": "service: {pipelines: {}}" } })[0]!, /no pipeline is defined/);
    assert.deepEqual(problemsOf({ files: { "a.yaml": "" } }), [
      "a.yaml:1:1: service.pipelines: is required and missing [CONFIG_BAD_VALUE]",
    ]);
    assert.match(problemsOf({ files: { "a.yaml": "- 1" } })[0]!, /is no map/);
  });

  it("are raised for exporters that have no address for their signal", () => {
    const text = MINIMAL.replace("debug:", "otlp_http: {profiles_endpoint: 'http://a/p'}").replace(
      "[debug]",
      "[otlp_http]",
    );
    assert.match(
      problemsOf({ files: { "a.yaml": text } })[0]!,
      /exporters\[0\]: "otlp_http" has no address for traces: give it endpoint or traces_endpoint \[CONFIG_PIPELINE\]$/,
    );
    load({ files: { "a.yaml": text.replace("profiles_", "traces_") } });
  });

  it("are raised for exporters that would write over each other", () => {
    const withFiles = (path: string) =>
      MINIMAL.replace("debug:", `debug:\n  file: {path: /tmp/a.json}\n  file/2: {path: ${path}}`);
    load({ files: { "a.yaml": withFiles("/tmp/b.json") } });
    assert.match(
      problemsOf({ files: { "a.yaml": withFiles("/tmp//a.json") } })[0]!,
      /^a\.yaml:7:18: exporters\.file\/2\.path: exporters\.file writes to this file too \[CONFIG_BAD_VALUE\]$/,
    );
  });
});
