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

function round() {
  for (let i = 0; i < 10; i++) {
    heavy(200_000);
    light(200_000);
  }
  setImmediate(round);
}
round();
