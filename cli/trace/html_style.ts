/**
 * The style of the page.
 *
 * @module
 */

/** The style, as CSS. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f4f6f9; --card: #fff; --line: #e3e8ef; --soft: #f1f4f8;
  --text: #1b2430; --dim: #667284; --client: #2457d6; --server: #0b7a66;
  --bad: #b42318; --bad-soft: #fdecea; --good: #12724f; --good-soft: #e3f5ec;
  --note: #8a5a00; --note-soft: #fdf3dc;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1217; --card: #161c24; --line: #27303c; --soft: #1c242e;
    --text: #e3e9f1; --dim: #8d9aab; --client: #7ea6ff; --server: #4fd1b5;
    --bad: #ff8d84; --bad-soft: #3a1c1c; --good: #62d6a0; --good-soft: #15322a;
    --note: #f0c26a; --note-soft: #332a16;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.75rem 1.25rem 4rem; max-width: 68rem;
  background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
h1, h2, h3, p, ol, dl, dd { margin: 0; padding: 0; }
h1 { font-size: 1.45rem; line-height: 1.25; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2.25rem 0 .75rem; overflow-wrap: anywhere; }
h2 small { color: var(--dim); font-weight: 400; font-size: .85em; margin-left: .5em; }
ol { list-style: none; }
a { color: inherit; }
.facts { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.1rem 0; }
.facts div {
  background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .45rem .85rem; min-width: 7rem; display: flex; flex-direction: column-reverse;
}
.facts dt { color: var(--dim); font-size: .78rem; }
.facts dd { font-size: 1.15rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.facts .bad dd { color: var(--bad); }
.switches {
  display: flex; flex-wrap: wrap; gap: .35rem 1.1rem; align-items: center;
  color: var(--dim); font-size: .85rem;
}
.switches label { display: flex; gap: .4rem; align-items: center; cursor: pointer; }
.switches input { accent-color: var(--client); margin: 0; }
.key::before { content: ""; display: inline-block; width: .7rem; height: .7rem; border-radius: 2px; margin-right: .4rem; }
.key.client::before { background: var(--client); }
.key.server::before { background: var(--server); }
.mistakes {
  margin: 1.1rem 0 0; padding: .8rem 1rem; border-radius: .6rem;
  background: var(--bad-soft); color: var(--bad); font-size: .9rem;
}
.mistakes li { margin-top: .3rem; overflow-wrap: anywhere; }
.mistakes a { text-decoration: none; }
.mistakes a:hover { text-decoration: underline; }
.mistakes li::before { content: "→ "; opacity: .6; }
.mistakes h2 { margin: 0; font-size: .95rem; }
article {
  background: var(--card); border: 1px solid var(--line); border-radius: .7rem;
  margin-bottom: .8rem; overflow: clip;
}
article > header {
  display: flex; gap: .9rem; align-items: baseline;
  padding: .6rem .9rem; border-left: 3px solid transparent; background: var(--soft); border-bottom: 1px solid var(--line);
}
article > header:has(.place) { border-left-color: var(--client); }
header .place { flex: 0 0 6.5rem; }
.timed header .place { flex-basis: 11rem; }
h3 { flex: 1; font-size: .95rem; font-weight: 600; min-width: 0; overflow-wrap: anywhere; }
h3 .number { color: var(--dim); font-weight: 400; margin-right: .5em; font-variant-numeric: tabular-nums; }
.badge {
  flex: none; font: 600 .78rem/1.6 var(--mono); padding: 0 .55rem; border-radius: 1rem;
  background: var(--note-soft); color: var(--note); max-width: 50%; overflow-wrap: anywhere;
}
.badge.good { background: var(--good-soft); color: var(--good); }
.badge.bad { background: var(--bad-soft); color: var(--bad); }
.row {
  display: grid; grid-template-columns: 6.5rem 9rem minmax(0, 1fr); gap: 0 .9rem;
  padding: .22rem .9rem; border-left: 3px solid transparent; align-items: baseline;
}
.timed .row { grid-template-columns: 11rem 9rem minmax(0, 1fr); }
.row.client { border-left-color: var(--client); }
.row.server { border-left-color: var(--server); }
.row.first { border-top: 1px solid var(--line); padding-top: .34rem; }
.row:first-child { padding-top: .5rem; border-top: 0; }
.row:last-child { padding-bottom: .55rem; }
.row:target { background: var(--bad-soft); }
.place { display: flex; gap: .5rem; color: var(--dim); font: .78rem/1.6 var(--mono); font-variant-numeric: tabular-nums; white-space: nowrap; }
.place .time { flex: 1; text-align: left; }
.place .at { flex: 1; text-align: right; }
.place .size { width: 3.6em; }
.label { font-size: .85rem; color: var(--dim); overflow-wrap: anywhere; }
.label .nth { display: inline-block; min-width: 2.2em; padding-right: .5em; text-align: right; opacity: .75; font: .78rem var(--mono); }
.label .column { color: var(--text); font: .84rem var(--mono); }
.client > .label { color: var(--client); }
.good > .label { color: var(--good); font-weight: 600; }
.bad > .label { color: var(--bad); font-weight: 600; }
.log > .label { color: var(--note); }
.content { min-width: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.words { color: var(--dim); }
.name { font-weight: 600; }
.peer { font: .88em/1.55 var(--mono); }
.note { color: var(--dim); font-size: .84em; }
h3 .words, h3 .peer, h3 .note { font-weight: 400; }
.line-end { color: var(--dim); opacity: .6; font-size: .85em; user-select: none; }
.frame { opacity: .72; font-size: .86rem; }
.mistake, .remark {
  display: block; margin: .2rem 0; padding: .25rem .6rem; border-radius: .4rem; font-size: .86rem;
  background: var(--bad-soft); color: var(--bad); white-space: normal;
}
.remark { background: var(--note-soft); color: var(--note); }
.more, footer { color: var(--dim); font-size: .85rem; margin-top: 1.25rem; }
.end-line { color: var(--dim); font-size: .85rem; padding: 0 .2rem; overflow-wrap: anywhere; }
body:has(#frames:not(:checked)) .frame:not(.has-mistake) { display: none; }
body:has(#logs:not(:checked)) .log { display: none; }
body:has(#places:not(:checked)) .place { display: none; }
body:has(#places:not(:checked)) .row { grid-template-columns: 9rem minmax(0, 1fr); }
@media (max-width: 44rem) {
  body { padding: 1.1rem .75rem 3rem; font-size: 14.5px; }
  h1 { font-size: 1.2rem; }
  .facts div { flex: 1 1 40%; min-width: 0; }
  article > header { padding: .55rem .7rem; flex-wrap: wrap; gap: .1rem .6rem; }
  header .place, .timed header .place { order: 3; flex: 1 0 100%; justify-content: flex-start; }
  header .place .time, header .place .at { flex: none; }
  .row, .timed .row, body:has(#places:not(:checked)) .row {
    grid-template-columns: minmax(0, 1fr) auto; gap: 0 .5rem; padding: .3rem .7rem;
  }
  .label { grid-row: 1; grid-column: 1; }
  .place { grid-row: 1; grid-column: 2; font-size: .72rem; }
  .place .size { width: auto; }
  .content { grid-row: 2; grid-column: 1 / -1; padding-left: 0; }
  .label .nth { min-width: 0; }
  .label .nth:empty { display: none; }
  .frame .content { font-size: .82rem; }
}
@media print { body { background: #fff; } .switches { display: none; } article { break-inside: avoid; } }
`;
