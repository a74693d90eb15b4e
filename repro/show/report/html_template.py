"""The HTML page's frame, style and script. Its content security policy forbids loading anything from elsewhere."""

from string import Template

PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<link rel="icon" href="data:,">
<style>
$style</style>
</head>
<body>
<nav aria-label="Sections"><ul>
$sections
</ul></nav>
<main>
$body
</main>
<script>
$script</script>
</body>
</html>
""")

STYLE = """\
:root {
  --back: #fff; --card: #f6f7f9; --ink: #1b1f24; --soft: #57606a; --line: #d5dae0; --link: #0b57c4;
  --mark: #fff3c4; --good: #0a6b35; --good-back: #dcf5e4; --bad: #a1121f; --bad-back: #fde4e4; --open: #7a4d00;
  --open-back: #fdf0d5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171b; --card: #1d2127; --ink: #e4e8ec; --soft: #a2abb5; --line: #363d46; --link: #86b7ff;
    --mark: #4a4015; --good: #7ee2a0; --good-back: #123a22; --bad: #ff9f9f; --bad-back: #4a1a1d; --open: #f3c86b;
    --open-back: #40310f;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 3.25rem; }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 0 1rem 4rem; }
nav { position: sticky; top: 0; z-index: 1; overflow-x: auto; }
nav { background: var(--back); border-bottom: 1px solid var(--line); }
nav ul { display: flex; gap: 1.2rem; max-width: 76rem; margin: 0 auto; padding: .55rem 1rem; list-style: none; }
nav a { white-space: nowrap; text-decoration: none; }
h1, h2, h3 { line-height: 1.25; text-wrap: balance; }
h1 { margin: 1.6rem 0 .6rem; font-size: 1.8rem; }
h2 { margin: 3rem 0 .6rem; padding-top: 1rem; border-top: 2px solid var(--line); font-size: 1.4rem; }
h3 { margin: 1.8rem 0 .5rem; font-size: 1.08rem; }
p, ul { max-width: 60rem; }
main ul { padding-left: 1.2rem; }
li { margin: .25rem 0; }
a { color: var(--link); }
a:focus-visible, button:focus-visible, summary:focus-visible, .scroll:focus-visible {
  outline: 2px solid var(--link); outline-offset: 2px;
}
code { padding: .1em .3em; border-radius: 4px; background: var(--card); font: .88em/1.4 ui-monospace, monospace; \
overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .7rem 0 1.1rem; border: 1px solid var(--line); border-radius: 6px; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { padding: .5rem .7rem; text-align: left; color: var(--soft); font-size: .85rem; }
th, td { padding: .45rem .7rem; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
tbody th { font-weight: 500; }
thead th { background: var(--card); color: var(--soft); font-weight: 600; white-space: nowrap; }
.numbers td, .numbers thead th:not(:first-child) { text-align: right; white-space: nowrap; }
.claims th[scope=row], .prose td, .prose th[scope=row] { min-width: 11rem; }
.claims td, .runs td { white-space: nowrap; }
.claims td:nth-child(3) { min-width: 16.5rem; white-space: normal; }
.claims td:nth-child(4):nth-last-child(4) { min-width: 10rem; white-space: normal; }
td a, th a { text-decoration-color: var(--line); }
thead button { display: inline-flex; gap: .3em; margin: 0; padding: .1rem 0; border: 0; background: none; \
color: inherit; font: inherit; cursor: pointer; }
thead button::after { content: "\\2195"; opacity: .45; }
th[aria-sort=ascending] button::after { content: "\\2191"; opacity: 1; }
th[aria-sort=descending] button::after { content: "\\2193"; opacity: 1; }
.badge { display: inline-block; padding: .05rem .5rem; border-radius: 1rem; border: 1px solid var(--line); }
.badge.good { background: var(--good-back); color: var(--good); border-color: currentColor; }
.badge.bad { background: var(--bad-back); color: var(--bad); border-color: currentColor; }
.badge.open { background: var(--open-back); color: var(--open); border-color: currentColor; }
.badge.none { color: var(--soft); }
table:target { background: var(--mark); }
details { margin: .3rem 0; }
summary { cursor: pointer; }
figure { margin: 1.2rem 0; padding: .6rem; border: 1px solid var(--line); border-radius: 6px; background: #fff; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
@media (max-width: 40rem) {
  body { font-size: 15px; }
  h1 { font-size: 1.45rem; }
  h2 { font-size: 1.2rem; }
  th, td { padding: .4rem .5rem; }
  .prose td { min-width: 9rem; }
  .prose th[scope=row] { min-width: 7rem; }
}
@media print { nav { display: none; } }
"""

SCRIPT = """\
"use strict";
const words = new Intl.Collator("en", {numeric: true});
const sort = (head, column) => {
  const table = head.closest("table");
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  const cell = (row) => row.cells[column];
  const number = (row) => parseFloat(cell(row).dataset.key);
  const numbers = rows.some((row) => "key" in cell(row).dataset);
  const without = (row) => numbers && Number.isNaN(number(row));  // always last
  const compare = (a, b) =>
    numbers ? number(a) - number(b) : words.compare(cell(a).textContent, cell(b).textContent);
  rows.sort((a, b) => without(a) - without(b) || (without(a) ? 0 : down ? compare(b, a) : compare(a, b)));
  table.tBodies[0].append(...rows);
};
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!head.textContent) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head, column));
    head.append(button);
    head.setAttribute("aria-sort", "none");
  });
}
const unfold = () => {
  const target = document.getElementById(location.hash.slice(1));
  const fold = target && target.closest("details");
  if (fold && !fold.open) { fold.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", unfold);
unfold();
"""
