(() => {
  const { names, marks: saved } = JSON.parse(document.getElementById("album").textContent);
  const rows = [...document.querySelectorAll("#rows > .row")];
  const place = "gfr marks " + location.pathname;
  const stored = () => {
    try { return JSON.parse(localStorage.getItem(place)) || {}; } catch { return {}; }
  };
  // A mark is of the very file that was looked at: of a result that was made anew it is none.
  const marks = Object.fromEntries(Object.entries({ ...saved, ...stored() })
    .filter(([name, mark]) => mark && names[name] === mark.file));
  const markOf = row => marks[row.dataset.name]?.mark || "none";
  const show = () => {
    const wanted = document.getElementById("shown").value;
    const counts = { keep: 0, reject: 0, none: 0 };
    for (const row of rows) {
      const mark = markOf(row);
      counts[mark] += 1;
      row.dataset.mark = mark;
      row.hidden = wanted !== "" && wanted !== mark;
      row.querySelectorAll("[data-mark]").forEach(
        button => button.setAttribute("aria-pressed", String(button.dataset.mark === mark)));
    }
    document.getElementById("count").textContent =
      `${counts.keep} kept, ${counts.reject} rejected, ${counts.none} without a mark`;
    try { localStorage.setItem(place, JSON.stringify(marks)); } catch { /* the marks live as long as the page */ }
  };
  const give = (row, mark) => {
    const name = row.dataset.name;
    if (markOf(row) === mark) delete marks[name];
    else marks[name] = { mark, file: names[name] };
  };
  document.getElementById("rows").addEventListener("click", event => {
    const button = event.target.closest("button[data-mark]");
    if (!button) return;
    give(button.closest(".row"), button.dataset.mark);
    show();
  });
  document.getElementById("rest").addEventListener("click", () => {
    rows.filter(row => markOf(row) === "none").forEach(row => give(row, "keep"));
    show();
  });
  document.getElementById("shown").addEventListener("change", show);
  document.getElementById("save").addEventListener("click", async () => {
    const content = new Blob([JSON.stringify({ marks }, null, 1) + "\n"], { type: "application/json" });
    if (window.showSaveFilePicker) {
      try {
        const file = await window.showSaveFilePicker({ suggestedName: "marks.json" });
        const stream = await file.createWritable();
        await stream.write(content);
        await stream.close();
        return;
      } catch (error) {
        if (error.name === "AbortError") return;  // no file was chosen
      }
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = "marks.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  show();
})();
