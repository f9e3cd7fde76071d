/** Keeps a core busy, and says when asked how much it has done for how much CPU time: the kernel's work on its time is in that. */
const LOOPS = 200_000;

export interface Burnt {
  readonly turns: number;
  readonly cpuMicros: number;
}

let turns = 0;
let sink = 1;

function turn(): void {
  let x = sink;
  for (let i = 0; i < LOOPS; i++) x = x * 1.0000001 + 0.5;
  sink = x % 1000;
  turns++;
  setImmediate(turn);
}

process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ turns, cpuMicros: user + system } satisfies Burnt);
});
process.on("disconnect", () => process.exit(0));
turn();
