/** The style sheet of the pages; light and dark follow the browser. */
export const STYLE = `:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --text: #1b2330; --dim: #667085; --line: #e3e6eb; --track: #f0f2f5; --bad: #c4320a;
  --accent: #3355d1;
  --s0: #4f7ff0; --s1: #17a398; --s2: #e08e2b; --s3: #a45ee5; --s4: #d6567f; --s5: #5b9a3c; --s6: #2f9fd0; --s7: #8d7b68;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11151c; --card: #1a202a; --text: #e4e8ef; --dim: #94a0b3; --line: #2a3240; --track: #222a36; --bad: #ff8a65;
    --accent: #8ea9ff;
    --s0: #7ba0ff; --s1: #3fcabf; --s2: #f2b05c; --s3: #c08bf5; --s4: #f07fa2; --s5: #86c766; --s6: #64c3ee; --s7: #b8a591;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 14px/1.45 system-ui, sans-serif; }
a { color: inherit; text-decoration: none; }
a:hover { text-decoration: underline; }
header { display: flex; align-items: baseline; gap: 1.5rem; padding: .9rem 1.5rem; border-bottom: 1px solid var(--line);
  background: var(--card); }
header strong { font-size: 1.1rem; letter-spacing: .01em; }
nav { display: flex; gap: 1rem; }
nav a { color: var(--dim); }
nav a[aria-current] { color: var(--accent); font-weight: 600; }
header .right { margin-left: auto; color: var(--dim); }
main { max-width: 1200px; margin: 0 auto; padding: 1.2rem 1.5rem 3rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin-bottom: 1rem; overflow: hidden; }
.head { display: flex; align-items: baseline; gap: .8rem; padding: .6rem 1rem; border-bottom: 1px solid var(--line); }
.head h2 { margin: 0; font-size: 1rem; font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.dim { color: var(--dim); }
.head .right { margin-left: auto; white-space: nowrap; }
.id { font-family: ui-monospace, monospace; font-size: .8rem; color: var(--dim); }
.rows { padding: .35rem 0; }
.row { display: grid; grid-template-columns: minmax(220px, 42%) 1fr 5.5rem; gap: .8rem; align-items: center;
  padding: .16rem 1rem; }
.row:hover { background: var(--track); }
.row .name { display: flex; gap: .5rem; overflow: hidden; white-space: nowrap; align-items: baseline; }
.row .name span { overflow: hidden; text-overflow: ellipsis; }
.row .service { font-weight: 600; flex: none; max-width: 60%; }
.kind { flex: none; font-size: .68rem; letter-spacing: .04em; color: var(--dim); }
.row svg { display: block; width: 100%; height: 14px; }
.row .time { text-align: right; font-variant-numeric: tabular-nums; color: var(--dim); }
.track { fill: var(--track); }
.b0 { fill: var(--s0); } .b1 { fill: var(--s1); } .b2 { fill: var(--s2); } .b3 { fill: var(--s3); }
.b4 { fill: var(--s4); } .b5 { fill: var(--s5); } .b6 { fill: var(--s6); } .b7 { fill: var(--s7); }
.t0 { color: var(--s0); } .t1 { color: var(--s1); } .t2 { color: var(--s2); } .t3 { color: var(--s3); }
.t4 { color: var(--s4); } .t5 { color: var(--s5); } .t6 { color: var(--s6); } .t7 { color: var(--s7); }
.bad { color: var(--bad); font-weight: 600; }
.i { display: inline-block; width: .9rem; flex: none; }
details { border-top: 1px solid var(--line); }
details summary { list-style: none; cursor: pointer; padding: .1rem 0; }
details summary::-webkit-details-marker { display: none; }
details[open] summary { background: var(--track); }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .25rem 1rem; border-top: 1px solid var(--line); vertical-align: top; }
th { color: var(--dim); font-weight: 500; border-top: 0; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.attributes td:first-child { width: 18rem; color: var(--dim); }
.attributes td:last-child { font-family: ui-monospace, monospace; font-size: .85rem; overflow-wrap: anywhere; }
.empty { padding: 3rem 1rem; text-align: center; color: var(--dim); }
@media (max-width: 720px) { .row { grid-template-columns: 45% 1fr 4.5rem; padding: .16rem .6rem; } main { padding: .8rem; } }
`;
