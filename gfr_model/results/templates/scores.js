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
