"""The frame of the scores' page: style, script, sections. It needs nothing from outside."""

import re
from collections.abc import Sequence
from html import escape

STYLE = """
:root {
  --ink:#1d2430; --soft:#667085; --line:#e4e7ec; --good:#3b6fd4; --bad:#e8833a; --paper:#ffffff; --ground:#f5f6f8;
}
* { box-sizing:border-box; }
body {
  margin:0; background:var(--ground); color:var(--ink);
  font:15px/1.5 system-ui,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;
}
header, main { max-width:1240px; margin:0 auto; padding:0 28px; }
header { padding-top:36px; }
h1 { font-size:28px; margin:0 0 6px; letter-spacing:-.01em; }
h2 { font-size:19px; margin:0 0 2px; }
nav { display:flex; flex-wrap:wrap; gap:4px 16px; margin:10px 0 22px; font-size:13px; }
nav a { color:var(--good); text-decoration:none; } nav a:hover { text-decoration:underline; }
section {
  background:var(--paper); border:1px solid var(--line); border-radius:10px; padding:20px 24px 24px; margin:0 0 18px;
}
section > p { color:var(--soft); margin:0 0 14px; }
.wide { overflow-x:auto; }
table { border-collapse:collapse; font-variant-numeric:tabular-nums; width:100%; }
th, td { padding:5px 14px 5px 0; border-bottom:1px solid var(--line); text-align:right; white-space:nowrap; }
th { color:var(--soft); font-weight:500; font-size:13px; } th:first-child, td:first-child { text-align:left; }
td small { color:var(--soft); font-size:12.5px; }
td .s1 { color:var(--good); font-weight:650; } td .s2 { text-decoration:underline; text-decoration-color:#9db8ea; }
table { table-layout:fixed; } th:first-child, td:first-child { width:220px; overflow:hidden; text-overflow:ellipsis; }
thead tr:first-child th { text-align:center; } thead tr:first-child th + th { padding-left:60px; }
details { margin-top:14px; } details td { color:var(--soft); }
summary { cursor:pointer; font-size:14px; font-weight:600; }
ul.notes { margin:14px 0 0; padding-left:18px; color:var(--soft); font-size:13px; }
.controls { display:flex; flex-wrap:wrap; gap:10px 18px; margin:2px 0 16px; font-size:13px; color:var(--soft); }
.controls label { display:flex; gap:7px; align-items:center; }
select {
  font:inherit; color:var(--ink); padding:4px 26px 4px 9px; border:1px solid var(--line); border-radius:6px;
  background:var(--paper);
}
.row { display:grid; grid-template-columns:256px 1fr; gap:18px; padding:16px 0; border-top:1px solid var(--line); }
.row[hidden] { display:none; }
.divider { position:relative; border-radius:8px; overflow:hidden; background:var(--line); aspect-ratio:1; }
.divider img { position:absolute; inset:0; width:100%; height:100%; display:block; user-select:none; }
.divider .before { clip-path:inset(0 calc(100% - var(--cut,50%)) 0 0); }
.divider i {
  position:absolute; top:0; bottom:0; left:var(--cut,50%); width:2px; margin-left:-1px; background:#fff;
  box-shadow:0 0 4px rgba(16,24,40,.55); pointer-events:none;
}
.divider i::after {
  content:"\\2194"; position:absolute; top:50%; left:50%; width:30px; height:30px; margin:-15px; border-radius:50%;
  background:#fff; color:var(--ink); font:16px/30px system-ui,sans-serif; text-align:center; font-style:normal;
  box-shadow:0 1px 5px rgba(16,24,40,.4);
}
.divider input {
  position:absolute; inset:0; width:100%; height:100%; margin:0; opacity:0; cursor:ew-resize; appearance:none;
}
.divider input::-webkit-slider-thumb { appearance:none; width:1px; height:100%; }
.divider input::-moz-range-thumb { width:1px; height:100%; border:0; }
.divider input:focus-visible ~ i { background:var(--good); }
.divider b {
  position:absolute; bottom:8px; padding:1px 8px; border-radius:9px; background:rgba(16,24,40,.62); color:#fff;
  font-size:11px; font-weight:500; pointer-events:none;
}
.divider b.left { left:8px; } .divider b.right { right:8px; }
.about { display:flex; flex-wrap:wrap; gap:2px 14px; align-items:baseline; margin-bottom:8px; font-size:13px; }
.about strong { font-size:17px; font-variant-numeric:tabular-nums; } .about span { color:var(--soft); }
.up { color:var(--good); } .down { color:var(--bad); }
.films { display:grid; grid-template-columns:repeat(auto-fill,minmax(128px,1fr)); gap:8px; align-items:start; }
.films button { all:unset; cursor:pointer; display:block; }
.films img {
  display:block; width:100%; aspect-ratio:1; border-radius:6px; background:var(--line); border:1px solid var(--line);
  outline:2px solid transparent;
}
.films button[aria-pressed=true] img { outline-color:var(--good); }
.films button:focus-visible img { outline-color:var(--ink); }
.films span { display:block; font-size:12px; line-height:1.35; color:var(--soft); overflow-wrap:anywhere; }
 .films button[aria-pressed=true] span { color:var(--good); }
.charts { display:grid; grid-template-columns:repeat(auto-fill,minmax(340px,1fr)); gap:22px 28px; }
figure { margin:0; } figcaption { font-size:14px; margin-bottom:4px; }
figcaption span { color:var(--soft); }
.chart { width:100%; } .chart text { font-size:10.5px; fill:var(--soft); } .chart .unit { font-size:11.5px; }
.grid { stroke:var(--line); } .axis { stroke:#98a2b3; }
.legend { display:flex; flex-wrap:wrap; gap:4px 18px; margin-bottom:14px; font-size:13px; }
.legend i { display:inline-block; width:11px; height:11px; border-radius:3px; margin-right:6px; }
.none { color:var(--soft); }
@media (max-width:900px) { .row { grid-template-columns:1fr; } .divider { max-width:420px; } }
@media print { .divider input, .controls { display:none; } section { break-inside:avoid; } }
"""

SCRIPT = """
(() => {
  const pictures = JSON.parse(document.getElementById("pictures").textContent);
  const list = document.getElementById("rows");
  if (!list) return;
  const rows = [...list.children];
  const pick = name => document.getElementById(name).value;
  const show = image => { if (!image.src) image.src = pictures[image.dataset.picture]; };
  const orders = {
    gain: (a, b) => b.dataset.gain - a.dataset.gain,
    loss: (a, b) => a.dataset.gain - b.dataset.gain,
    psnr: (a, b) => b.dataset.psnr - a.dataset.psnr,
    pose: (a, b) => b.dataset.pose - a.dataset.pose,
    table: (a, b) => a.dataset.place - b.dataset.place,
  };
  const arrange = () => {
    for (const row of rows) {
      row.hidden = row.dataset.method !== pick("method") || (pick("where") && row.dataset.where !== pick("where"));
      if (!row.hidden) row.querySelectorAll("img").forEach(show);
    }
    rows.sort(orders[pick("order")]).forEach(row => list.append(row));
  };
  for (const name of ["method", "where", "order"]) document.getElementById(name).addEventListener("change", arrange);
  list.addEventListener("input", event => {
    if (event.target.type === "range") event.target.parentElement.style.setProperty("--cut", event.target.value + "%");
  });
  list.addEventListener("click", event => {
    const button = event.target.closest("button");
    if (!button) return;
    const row = button.closest(".row"), after = row.querySelector(".after");
    after.src = button.querySelector("img").src;
    row.querySelector("b.right").textContent = button.querySelector("span").textContent;
    row.querySelectorAll("button").forEach(other => other.setAttribute("aria-pressed", String(other === button)));
  });
  arrange();
})();
"""


def page(title: str, line: str, sections: Sequence[tuple[str, str, str]], pictures: str) -> str:
    """A whole HTML page; a section is (title, introduction as text, content as HTML), `pictures` is JSON."""
    anchors = [re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name, _, _ in sections]
    links = "".join(f'<a href="#{a}">{escape(name)}</a>' for a, (name, _, _) in zip(anchors, sections, strict=True))
    parts = "".join(
        f'<section id="{anchor}"><h2>{escape(name)}</h2><p>{escape(introduction)}</p>{content}</section>\n'
        for anchor, (name, introduction, content) in zip(anchors, sections, strict=True)
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body><header><h1>{escape(title)}</h1><div>{escape(line)}</div>"
        f"<nav>{links}</nav></header><main>\n{parts}</main>"
        f'<script type="application/json" id="pictures">{pictures}</script><script>{SCRIPT}</script></body></html>\n'
    )
