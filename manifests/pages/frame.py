"""The frame of a self-contained page: head, style, sections, contents."""

import re
from collections.abc import Sequence
from html import escape

_STYLE = """
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
figure { margin:0; } figcaption { font-size:12px; color:var(--soft); overflow-wrap:anywhere; }
.step { display:grid; grid-template-columns:210px 1fr 84px 1fr; gap:12px; align-items:center; margin:5px 0; }
.step .track { background:var(--ground); border-radius:4px; height:22px; overflow:hidden; }
.step .bar {
  display:block; height:100%; background:linear-gradient(90deg,#3b6fd4,#6f9bea); border-radius:4px; min-width:2px;
}
.step .count { text-align:right; font-variant-numeric:tabular-nums; font-weight:600; }
.step .lost { color:var(--bad); font-size:13px; }
.tables { display:flex; flex-wrap:wrap; gap:36px; align-items:flex-start; }
table { border-collapse:collapse; font-variant-numeric:tabular-nums; }
th, td { padding:5px 22px 5px 0; border-bottom:1px solid var(--line); text-align:right; }
th { color:var(--soft); font-weight:500; font-size:13px; } th:first-child, td:first-child { text-align:left; }
.pairs { display:grid; grid-template-columns:repeat(auto-fill,minmax(270px,1fr)); gap:16px; }
.two {
  display:grid; grid-template-columns:1fr 1fr; gap:3px; border-radius:8px; overflow:hidden; background:var(--line);
}
.face { display:block; width:100%; } .face circle { fill:#38e07b; fill-opacity:.9; }
.sheet { display:grid; grid-template-columns:repeat(auto-fill,minmax(112px,1fr)); gap:12px; }
.sheet img, .sheet .blank {
  display:block; width:100%; aspect-ratio:1; object-fit:cover; border-radius:6px; background:var(--line);
}
.sheet .blank { display:grid; place-items:center; font-size:34px; color:#98a2b3; }
.histograms { display:grid; grid-template-columns:repeat(auto-fill,minmax(330px,1fr)); gap:24px 30px; }
.histograms figcaption { font-size:14px; color:var(--ink); margin-bottom:6px; }
.histograms figcaption span { color:var(--soft); } code { font-size:12px; color:var(--soft); }
.histogram { width:100%; } .histogram text { font-size:10px; fill:var(--soft); }
.good { fill:var(--good); } .bad { fill:var(--bad); } .axis { stroke:#98a2b3; stroke-width:1; }
.limit { stroke:#111827; stroke-width:1.2; stroke-dasharray:4 3; } text.limit { stroke:none; fill:#111827 !important; }
details { margin:6px 0; } summary { cursor:pointer; font-weight:600; } details p { color:var(--soft); margin:6px 0; }
pre { white-space:pre-wrap; font-size:12px; background:var(--ground); padding:12px; border-radius:6px; }
.none { color:var(--soft); }
"""


def page(title: str, sections: Sequence[tuple[str, str, str]]) -> str:
    """A whole HTML page; each section is (title, introduction as text, content as HTML)."""
    anchors = [re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name, _, _ in sections]
    links = "".join(f'<a href="#{a}">{escape(name)}</a>' for a, (name, _, _) in zip(anchors, sections, strict=True))
    parts = "".join(
        f'<section id="{anchor}"><h2>{escape(name)}</h2><p>{escape(introduction)}</p>{content}</section>\n'
        for anchor, (name, introduction, content) in zip(anchors, sections, strict=True)
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><header><h1>{escape(title)}</h1><nav>{links}</nav></header><main>\n{parts}</main></body></html>\n"
    )
