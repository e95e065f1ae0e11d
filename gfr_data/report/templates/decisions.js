(() => {
  const decided = new Map(JSON.parse(document.getElementById("decided").textContent).map(one => [one[0], one]));
  const boxes = [...document.querySelectorAll("input[data-path]")];
  const show = () => {
    for (const box of boxes) box.checked = decided.get(box.dataset.path)?.[1] === box.value;
    document.getElementById("count").textContent = `${decided.size} decisions`;
  };
  document.addEventListener("change", event => {
    const box = event.target.closest("input[data-path]");
    if (!box) return;
    const why = document.getElementById("why").value.trim();
    if (box.checked) decided.set(box.dataset.path, [box.dataset.path, box.value, why]);
    else decided.delete(box.dataset.path);
    show();
  });
  const quoted = text => '"' + text.replaceAll('"', '""') + '"';
  document.getElementById("save").addEventListener("click", () => {
    const rows = [...decided.values()].sort((a, b) => a[0] < b[0] ? -1 : 1);
    const lines = ["path,decision,why", ...rows.map(row => row.map(quoted).join(","))];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = "decisions.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  show();
})();
