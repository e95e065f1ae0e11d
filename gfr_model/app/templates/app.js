(() => {
  const chosen = { photographs: [], guides: [] };
  const needsGuide = {{ needs_guide|tojson }};
  const state = document.getElementById("state"), start = document.getElementById("start");
  let busy = false;

  const ready = () => {
    start.disabled = busy || !chosen.photographs.length || (needsGuide && !chosen.guides.length);
  };
  const choose = (zone, files) => {
    chosen[zone.dataset.kind] = [...files];
    const named = [...files].slice(0, 4).map(file => file.name).join(", ");
    zone.querySelector("output").textContent = files.length > 4 ? `${named} and ${files.length - 4} more` : named;
    ready();
  };
  for (const zone of document.querySelectorAll(".drop")) {
    zone.querySelector("input").addEventListener("change", event => choose(zone, event.target.files));
    for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, event => {
      event.preventDefault();
      zone.classList.add("over");
    });
    for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
    zone.addEventListener("drop", event => {
      event.preventDefault();
      choose(zone, event.dataTransfer.files);
    });
  }
  // A photograph that misses the fields would replace the page.
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, event => event.preventDefault());

  const send = async (address, field, files) => {
    const form = new FormData();
    for (const file of files) form.append(field, file, file.name);
    let answer;
    try {
      answer = await fetch(address, { method: "POST", body: form });
    } catch {
      throw new Error("no answer: the file may be too large, or gfr-eval app has ended");
    }
    const values = await answer.json().catch(() => ({ error: `answer ${answer.status}` }));
    if (!answer.ok) throw new Error(values.error);
    return values;
  };
  const line = (text, kind = "why") => {
    const element = document.createElement("p");
    element.className = kind;
    element.textContent = text + (/[.!?]$/.test(text) ? "" : ".");
    return element;
  };
  const show = made => {
    const row = document.getElementById("row").content.cloneNode(true).querySelector(".row");
    row.querySelector(".name").textContent = made.name;
    for (const image of row.querySelectorAll("img")) {
      image.width = made.width;
      image.height = made.height;
      image.src = `/pictures/${made.photograph}/${image.className === "after" ? "after" : "before"}`;
    }
    row.querySelector(".divider").style.maxWidth = `${Math.max(2 * made.width, 320)}px`;  // more only blurs
    const slider = row.querySelector(".strength input"), download = row.querySelector(".download");
    const set = () => {
      row.querySelector(".after").style.opacity = slider.value;
      row.querySelector(".strength output").textContent = `${Math.round(100 * slider.value)}%`;
      download.href = `/results/${made.photograph}?strength=${slider.value}`;
    };
    slider.value = made.strength;
    slider.addEventListener("input", set);
    set();
    row.querySelector(".suggested").textContent = made.strength < 0.005
      ? "This face is so sharp that restoring would harm it: it stays as it is, unless you move the slider."
      : `The slider stands at what this face needs: ${Math.round(100 * made.strength)}%.`;
    row.querySelector(".lines").append(
      ...made.lines.map(text => line(text[0].toUpperCase() + text.slice(1), text.startsWith("warning") ? "warning" : "why")));
    document.getElementById("rows").prepend(row);
  };
  const refuse = (name, why) => document.getElementById("rows").prepend(line(`${name}: ${why}`, "warning"));

  start.addEventListener("click", async () => {
    busy = true;
    ready();
    const { photographs } = chosen;
    const [face, enlarge] = ["face", "enlarge"].map(name => document.getElementById(name).value);
    try {
      let guides = "";
      if (chosen.guides.length) {
        state.textContent = "Looking at the guides ...";
        const received = await send("/guides", "guides", chosen.guides);
        guides = received.guides;
        received.problems.forEach(problem => refuse("Guides", problem));
      }
      for (const [done, photograph] of photographs.entries()) {
        state.textContent = `Restoring ${photograph.name} (${done + 1} of ${photographs.length}) ...`;
        try {
          show(await send(`/photographs?guides=${guides}&face=${face}&enlarge=${enlarge}`, "photograph", [photograph]));
        } catch (error) {
          refuse(photograph.name, error.message);
        }
      }
      state.textContent = "Done.";
    } catch (error) {
      state.textContent = "";
      refuse("Guides", error.message);
    }
    busy = false;
    ready();
  });
  ready();
})();
