// As shares.c.
globalThis.sink = 0;

function turn(n) {
  let x = 1;
  for (let i = 0; i < n; i++) x = x * 1.0000001 + 0.5;
  return x;
}

function heavy(n) {
  globalThis.sink += turn(3 * n);
}

function light(n) {
  globalThis.sink += turn(n);
}

// V8 puts functions that it optimises into their callers, unless a place calls many, as routers do.
const idle = [(n) => n, (n) => n + 1, (n) => n + 2, (n) => n + 3];
const work = [heavy, light, ...idle];

function round() {
  for (let i = 0; i < 10 * work.length; i++) work[i % work.length](200_000);
  setImmediate(round);
}
round();
