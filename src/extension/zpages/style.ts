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
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.flame-links { margin: 0; padding: .45rem 1rem; display: flex; gap: .8rem; border-top: 1px solid var(--line); flex-wrap: wrap; }
.flame-links a { color: var(--accent); }
.tools { display: flex; flex-wrap: wrap; gap: .7rem 1rem; align-items: end; padding: .8rem 1rem; overflow: visible; }
.tools label { display: flex; flex-direction: column; gap: .15rem; font-size: .75rem; color: var(--dim); min-width: 0; }
.tools label.search { flex: 1 1 12rem; }
.tools label.check { flex-direction: row; align-items: center; gap: .35rem; padding-bottom: .4rem; font-size: .85rem; }
.tools select, .tools input[type="search"] { font: inherit; font-size: .875rem; color: var(--text); background: var(--page);
  border: 1px solid var(--line); border-radius: 6px; padding: .3rem .5rem; max-width: 17rem; }
.tools input[type="search"] { max-width: none; width: 100%; }
.button { font: inherit; font-size: .85rem; color: var(--accent); background: none; border: 1px solid var(--line);
  border-radius: 6px; padding: .3rem .7rem; cursor: pointer; }
.button:hover { background: var(--track); text-decoration: none; }
.tools p { margin: 0; flex-basis: 100%; }
.chosen { display: flex; gap: .6rem; align-items: baseline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.flames .head { min-height: 2.6rem; }
.flames .head .dim { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; flex: 1 2 auto; }
.flames .right { font-variant-numeric: tabular-nums; }
.matched { margin: 0; padding: .4rem 1rem 0; color: var(--dim); }
.chart { position: relative; margin: .6rem 1rem .9rem; min-height: 20px; overflow: hidden; }
.box { position: absolute; height: 19px; padding: 0 .3rem; font-size: 12px; line-height: 19px; overflow: hidden; cursor: pointer;
  border-radius: 3px; border-right: 1px solid var(--card); color: var(--box-text); background: var(--c);
  transition: left .18s, width .18s, opacity .18s; }
.box span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.box:hover { filter: brightness(1.08) saturate(1.2); }
.box:focus-visible { outline-offset: -2px; z-index: 1; }
.box.above, .searching .box { filter: saturate(.3); }
.searching .box.match { filter: none; font-weight: 600; box-shadow: inset 0 0 0 2px var(--accent); }
:root { --box-text: #1b2330; --l: 78%; --step: 2.5%; --chroma: 62%; }
.f-process { --hue: 218; --chroma: 8%; } .f-native { --hue: 28; } .f-kernel { --hue: 218; --chroma: 24%; } .f-go { --hue: 188; } .f-rust { --hue: 12; }
.f-v8js { --hue: 92; } .f-cpython { --hue: 48; } .f-jvm { --hue: 265; } .f-dotnet { --hue: 285; } .f-ruby { --hue: 350; }
.f-php { --hue: 240; } .f-beam { --hue: 320; } .f-perl { --hue: 205; } .f-luajit { --hue: 230; }
.box, .dot { --c: hsl(var(--hue, 28) var(--chroma) calc(var(--l) + var(--step) * var(--n, 0))); }
.v1 { --n: 1; } .v2 { --n: 2; } .v3 { --n: -1; }
.dot { display: inline-block; width: .7rem; height: .7rem; border-radius: 3px; background: var(--c); margin-right: .5rem; }
.link { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: left; overflow-wrap: anywhere; }
.link:hover { text-decoration: underline; }
.top td:first-child { font-family: ui-monospace, monospace; font-size: .85rem; }
@media (prefers-color-scheme: dark) { :root { --box-text: #f4f6fa; --l: 29%; --step: 1.5%; --chroma: 40%; } }
@media (prefers-reduced-motion: reduce) { .box { transition: none; } }
@media (forced-colors: active) { .box { border: 1px solid; } }
`;
